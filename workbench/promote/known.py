"""Names of Python, Ibis and other libraries whose behaviour decides what may change a value, and how."""

from __future__ import annotations

COPIES = frozenset({"list", "dict", "set", "sorted"})
COPYING = frozenset(f"builtins.{name}" for name in COPIES)
STREAMS = frozenset({"iter", "map", "filter", "zip", "enumerate", "reversed", "open"})
PLAIN_BUILTINS = frozenset(
    "abs all any ascii bin bool bytes callable chr complex divmod float format frozenset hash hex id int isinstance "
    "issubclass len max min oct ord pow range repr round slice str sum tuple print".split()
)
# Methods of plain values that give something that can change.
FRESH = frozenset({"split", "rsplit", "splitlines", "findall", "groupdict", "partition_by", "to_dict"})
FOREIGN = frozenset(
    "execute to_pandas to_pandas_batches to_pyarrow to_pyarrow_batches to_polars to_torch pipe get_backend resolve".split()
)
PLAIN_MODULES = (
    "ibis",
    "math",
    "datetime",
    "decimal",
    "fractions",
    "statistics",
    "re",
    "workbench",
    "string",
    "calendar",
)
# Their functions that give something that can change, or that is used up by reading it.
FRESH_FUNCTIONS = frozenset(
    {"re.findall", "re.split", "statistics.quantiles", "statistics.multimode", "calendar.monthcalendar"}
)
STREAMING = ("re.finditer", "calendar.Calendar", "calendar.TextCalendar", "calendar.HTMLCalendar")

# Methods and functions that change what they are called on or given.
CHANGING = frozenset(
    "append extend insert remove pop clear sort reverse update add discard setdefault popitem difference_update "
    "intersection_update symmetric_difference_update appendleft extendleft popleft rotate write writelines fill put "
    "resize move_to_end subtract send throw close seek truncate readline readlines read push __setitem__ __delitem__ "
    "__setattr__ __iadd__ __next__".split()
)
CHANGING_FUNCTIONS = (
    "random.shuffle", "heapq.", "bisect.insort", "operator.setitem", "operator.delitem", "operator.i", "numpy.put",
    "numpy.copyto", "numpy.fill_diagonal", "builtins.next", "builtins.setattr", "builtins.delattr",
)  # fmt: skip
# Modules whose functions leave their arguments alone, so that a call for effect is one for display.
HARMLESS = frozenset(
    "builtins marimo ibis altair plotly matplotlib seaborn pandas numpy polars pyarrow workbench warnings logging math "
    "statistics json re datetime itertools functools operator string textwrap decimal fractions calendar typing "
    "dataclasses enum copy pprint time rich".split()
)
HARMLESS_FUNCTIONS = ("operator.index", "operator.itemgetter", "operator.is_", "operator.inv", "operator.invert")
