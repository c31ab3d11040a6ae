"""What plain `xdsl-opt` finds through the `xdsl.universe` entry point of an installed DSF."""

from xdsl.universe import Universe

from dsf.dialects import get_all_dialects
from dsf.transforms import get_all_passes

DSF_UNIVERSE = Universe(all_dialects=get_all_dialects(), all_passes=get_all_passes())
