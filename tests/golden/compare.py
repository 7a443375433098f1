"""Says whether figures that were just worked out are the committed ones: compare.py COMMITTED WORKED_OUT.

Texts, whole numbers and truth values must be equal. Other numbers may differ by a billionth of their size, since processors
and their libraries add up in other orders.
"""

import json
import math
import sys


def differences(committed, made, way):
    if isinstance(committed, float) or isinstance(made, float):
        numbers = all(isinstance(it, (int, float)) and not isinstance(it, bool) for it in (committed, made))
        if not numbers or not math.isclose(committed, made, rel_tol=1e-9, abs_tol=1e-12):
            yield f"{way}: committed {committed!r}, worked out {made!r}"
    elif type(committed) is not type(made):
        yield f"{way}: committed {committed!r}, worked out {made!r}"
    elif isinstance(committed, dict):
        if list(committed) != list(made):
            yield f"{way}: committed {list(committed)}, worked out {list(made)}"
        for name in committed:
            if name in made:
                yield from differences(committed[name], made[name], f"{way}.{name}")
    elif isinstance(committed, list):
        if len(committed) != len(made):
            yield f"{way}: committed {len(committed)} of them, worked out {len(made)}"
        for place, (one, other) in enumerate(zip(committed, made)):
            yield from differences(one, other, f"{way}[{place}]")
    elif committed != made:
        yield f"{way}: committed {committed!r}, worked out {made!r}"


committed, made = (json.load(open(path, encoding="utf-8")) for path in sys.argv[1:3])
found = list(differences(committed, made, sys.argv[1]))
for difference in found[:20]:
    print(difference)
if found:
    sys.exit(f"{len(found)} figures differ")
