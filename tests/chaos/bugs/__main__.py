"""``python -m tests.chaos.bugs <part.bug> -- <module> <arguments>``"""

import runpy
import sys

from tests.chaos.bugs import plant

bug, _, module, *arguments = sys.argv[1:]
plant(bug)
sys.argv = [module, *arguments]
runpy.run_module(module, run_name="__main__", alter_sys=True)
