"""Colours, layout and the few lines of script of the report page."""

__all__ = ["SCRIPT", "STYLE"]

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --line: #dfe4ea; --paper: #f6f7f9; --card: #ffffff;
  --after: #0f766e; --before: #64748b; --bad: #b91c1c; --badpaper: #fdeaea; --goodpaper: #e0f4f1; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #98a3b3; --line: #2c3542; --paper: #11161d;
  --card: #1a212b; --after: #2dd4bf; --before: #94a3b8; --bad: #f87171; --badpaper: #3a1d20; --goodpaper: #12322f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.01em; }
h2 { font-size: 20px; margin: 44px 0 4px; }
h2 + p { margin-top: 0; }
p, .note { color: var(--soft); max-width: 78ch; }
.kicker { color: var(--after); font-weight: 600; font-size: 13px; letter-spacing: 0.08em; text-transform: uppercase; }
.lead { font-size: 18px; margin: 0 0 20px; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 14px; margin: 22px 0; }
.card, .figure, .pair, .clip, details, .tablebox { background: var(--card); border: 1px solid var(--line);
  border-radius: 12px; }
.card { padding: 16px 18px; }
.card b { display: block; font-size: 30px; line-height: 1.15; font-variant-numeric: tabular-nums; }
.card span { color: var(--soft); font-size: 14px; }
.card.after b { color: var(--after); }
.tablebox { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 9px 16px; text-align: right; border-top: 1px solid var(--line); white-space: nowrap; }
tr:first-child th { border-top: 0; }
th { font-size: 13px; color: var(--soft); font-weight: 600; }
th:first-child, td:first-child { text-align: left; color: var(--ink); }
td small { color: var(--soft); font-size: 13px; }
table.facts td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
table.facts td:first-child { color: var(--soft); width: 16em; }
table.facts tr:first-child td { border-top: 0; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(440px, 100%), 1fr)); gap: 16px; }
.figure { padding: 12px 14px 6px; margin: 0; }
.figure svg { width: 100%; height: auto; display: block; overflow: visible; stroke-linejoin: round; }
.pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(460px, 100%), 1fr)); gap: 16px; }
.pair { padding: 14px; }
.pair h3 { font-size: 14px; margin: 0 0 10px; color: var(--soft); font-weight: 600; }
.sides { display: grid; grid-template-columns: 1fr 1fr; gap: 12px; }
.clips { display: grid; grid-template-columns: repeat(auto-fill, minmax(210px, 1fr)); gap: 14px; margin-top: 16px; }
.clip { padding: 12px; }
figure.video { margin: 0; }
figure.above { margin: 0; grid-column: 1 / -1; max-width: 300px; justify-self: center; width: 100%; }
figure.above svg { width: 100%; height: auto; display: block; }
video { width: 100%; display: block; border-radius: 6px; image-rendering: pixelated; background: #0002;
  cursor: pointer; }
figcaption { font-size: 13px; color: var(--soft); margin-top: 7px; line-height: 1.4; }
figcaption .side { color: var(--ink); font-weight: 600; }
.chip { display: inline-block; white-space: nowrap; padding: 1px 8px; border-radius: 999px; font-size: 12.5px;
  font-weight: 600; }
.chip.good { background: var(--goodpaper); color: var(--after); }
.chip.bad { background: var(--badpaper); color: var(--bad); }
.swatch { display: inline-block; width: 18px; height: 4px; border-radius: 2px; vertical-align: middle; }
details { padding: 10px 16px; margin: 10px 0; }
summary { cursor: pointer; font-weight: 600; }
pre { overflow-x: auto; font: 13px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; margin: 10px 0 4px; }
footer { margin-top: 48px; color: var(--soft); font-size: 13px; }
"""

SCRIPT = """
const films = selector => [...document.querySelectorAll(selector)];
const toggle = film => {
  const group = [...film.closest(".pair, .clip").querySelectorAll("video")];
  const pause = !film.paused;
  group.forEach(each => { each.currentTime = film.currentTime; pause ? each.pause() : each.play(); });
};
films("video").forEach(film => {
  film.addEventListener("click", () => toggle(film));
  film.addEventListener("keydown", event => { if (event.key === " ") { event.preventDefault(); toggle(film); } });
});
if (matchMedia("(prefers-reduced-motion: reduce)").matches) films("video").forEach(film => film.pause());
"""
