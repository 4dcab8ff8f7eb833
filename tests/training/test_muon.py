import pytest
import torch

from wan_r1.training.muon import Muon, orthogonalise


@pytest.mark.parametrize("shape", [(8, 8), (6, 20), (20, 6)])
def test_singular_values_come_out_near_one(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalise(matrix))
    assert float(values.max()) < 1.25
    assert float(values.median()) > 0.65


def test_orthogonalise_keeps_directions_and_forgets_the_scale():
    matrix = torch.randn(5, 9, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(orthogonalise(1000 * matrix), orthogonalise(matrix), rtol=1e-3, atol=1e-3)
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    inner = left.T @ orthogonalise(matrix) @ right.T
    assert float((inner - torch.diag(inner.diagonal())).abs().max()) < 0.05


def test_a_gradient_of_zero_moves_nothing():
    weight = torch.nn.Parameter(torch.ones(3, 3))
    weight.grad = torch.zeros(3, 3)
    Muon([weight], lr=0.1).step()
    assert torch.equal(weight.detach(), torch.ones(3, 3))


def test_a_convolution_kernel_moves_as_its_flat_matrix():
    generator = torch.Generator().manual_seed(2)
    values, gradient = torch.randn(4, 3, 3, 3, generator=generator), torch.randn(4, 3, 3, 3, generator=generator)
    kernel, matrix = torch.nn.Parameter(values.clone()), torch.nn.Parameter(values.reshape(4, 27).clone())
    kernel.grad, matrix.grad = gradient, gradient.reshape(4, 27)
    Muon([kernel], lr=0.1).step()
    Muon([matrix], lr=0.1).step()
    torch.testing.assert_close(kernel.detach().reshape(4, 27), matrix.detach())


def test_the_first_step_of_a_wide_matrix_has_the_size_of_the_rate():
    weight = torch.nn.Parameter(torch.zeros(4, 16))
    weight.grad = torch.randn(4, 16, generator=torch.Generator().manual_seed(3))
    Muon([weight], lr=0.02).step()
    largest = float(torch.linalg.svdvals(weight.detach()).max())
    assert 0.6 * 0.02 < largest < 1.25 * 0.02


def test_vectors_and_single_columns_take_the_adamw_rule():
    vector, column = torch.nn.Parameter(torch.zeros(5)), torch.nn.Parameter(torch.zeros(5, 1, 1, 1))
    vector.grad, column.grad = torch.tensor([1.0, -2, 3, -4, 5]), torch.full((5, 1, 1, 1), 0.5)
    Muon([vector, column], lr=0.02, scalar_lr=0.003).step()
    torch.testing.assert_close(vector.detach(), -0.003 * torch.tensor([1.0, -1, 1, -1, 1]))
    torch.testing.assert_close(column.detach().flatten(), torch.full((5,), -0.003))


def test_muon_fits_a_matrix():
    generator = torch.Generator().manual_seed(4)
    target, weight = torch.randn(6, 6, generator=generator), torch.nn.Parameter(torch.zeros(6, 6))
    optimizer = Muon([weight], lr=0.1)
    first = None
    for step in range(100):
        for group in optimizer.param_groups:
            group["lr"] = 0.2 * (1 - step / 100)
        loss = (weight - target).square().mean()
        first = float(loss.detach()) if first is None else first
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.02 * first
