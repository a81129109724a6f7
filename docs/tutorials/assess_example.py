"""Grade one clip from Python: `python docs/tutorials/assess_example.py [clip.mp4]`."""

import sys

import wince
from wince.testing import clips

result = wince.assess(sys.argv[1] if len(sys.argv) > 1 else clips.clip("bed1"), protocol="activity")
print(f"{result.plain.grade_name or 'not assessable'}: {result.plain.seconds}, {result.assessable_share:.0%} assessable")
for alert in result.alerts:
    print(f"{alert.grade_name} from {alert.start_us / 1e6:.1f} s")
for row in result.frames[::10]:
    print(row.time_s, row.reason.value if row.reason else f"{row.score:.1f}")
