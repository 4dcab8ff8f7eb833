"""Where things are in a video: trackers by name."""

from wan_r1.trackers.camera import CameraDecoder, OracleDecoder
from wan_r1.trackers.csrt import CsrtTracker
from wan_r1.trackers.ncc import NccTracker
from wan_r1.trackers.optical_flow import OpticalFlowTracker
from wan_r1.trackers.pose_regressor import PoseRegressor
from wan_r1.trackers.sprite import SpriteTracker
from wan_r1.trackers.tracker import Tracker
from wan_r1.trackers.vggt import VggtDecoder
from wan_r1.trackers.visual_odometry import VisualOdometry

__all__ = ["DECODERS", "TRACKERS"]

TRACKERS: dict[str, type[Tracker]] = {
    "sprite": SpriteTracker,
    "ncc": NccTracker,
    "csrt": CsrtTracker,
    "optical_flow": OpticalFlowTracker,
}
"""Every tracker by the name that recipes and the command line use; all but sprite are VR-Bench's."""

DECODERS: dict[str, type[CameraDecoder]] = {
    "visual_odometry": VisualOdometry,
    "pose_regressor": PoseRegressor,
    "vggt": VggtDecoder,
    "oracle": OracleDecoder,
}
"""Every camera decoder by the name that the command line and rewards use."""
