# ruff: noqa: E501  # code in texts reads better in one line
"""Ways out of the sandbox through Python: what each is called in docs/sandbox.md, and its code.

`raw`, `warehouse` and the like are places of production, `victim` is another process of the same user, `port` a database's.
"""

from __future__ import annotations

from workbench.runtime import landlock

LIBC = "import ctypes; libc = ctypes.CDLL(None, use_errno=True)\n"
DONE = "\nif found < 0: raise OSError(ctypes.get_errno(), 'refused')"

FILES = {
    "`open()` a raw table": "open(raw).read()",
    "`pathlib.Path.read_bytes`": "import pathlib; pathlib.Path(raw).read_bytes()",
    "`os.open` with `O_PATH`, opened again through `/proc/self/fd`": "f = os.open(raw, os.O_PATH)\ntry: open(f'/proc/self/fd/{f}').read()\nfinally: os.close(f)",
    "`mmap` of a raw table": "import mmap; mmap.mmap(os.open(raw, os.O_RDONLY), 0, prot=mmap.PROT_READ)",
    "`duckdb.connect` with a connection of its own": "import duckdb; duckdb.sql(f\"FROM read_csv('{raw}')\").fetchall()",
    "`duckdb` and production's DuckDB file": "import duckdb; duckdb.connect(production, read_only=True)",
    "`pandas.read_csv`": "import pandas; pandas.read_csv(raw)",
    "`pyarrow.memory_map` of published data": "import pyarrow; pyarrow.memory_map(published)",
    "`sqlite3` and the store": "import sqlite3; sqlite3.connect(store).execute('SELECT * FROM t').fetchall()",
    "`importlib` and `linecache` as readers": "import importlib.machinery as m; m.SourceFileLoader('x', raw).get_data(raw)",
    "`ctypes` and `open` of the C library": LIBC + "found = libc.open(raw.encode(), 0)" + DONE,
    "the system call `openat2`": LIBC
    + "how = (ctypes.c_uint64 * 3)(); found = libc.syscall(437, -100, raw.encode(), how, ctypes.c_size_t(24))"
    + DONE,
    "a file handle, `open_by_handle_at`": LIBC
    + "b = ctypes.create_string_buffer(136); b[0:4] = (128).to_bytes(4, 'little'); m = ctypes.c_int()\n"
    + "libc.name_to_handle_at(-100, raw.encode(), b, ctypes.byref(m), 0)\n"
    + "d = os.open(notebooks, os.O_RDONLY); found = libc.open_by_handle_at(d, b, 0)"
    + DONE,
    "`subprocess`: `cat`": "import subprocess as s; s.run(['cat', raw], check=True, stderr=s.DEVNULL)",
    "a shell that copies it": "import subprocess as s\ns.run(f'cp {raw} {notebooks}/copy.csv', shell=True, check=True, stderr=s.DEVNULL)",
    "`os.fork`, and reading in the child": "p = os.fork()\nif not p:\n    try: open(raw).read()\n    except OSError: os._exit(7)\n"
    "    os._exit(0)\nassert os.waitstatus_to_exitcode(os.waitpid(p, 0)[1]) == 0",
    "another Python, in a new session": "import subprocess as s, sys\n"
    "s.run([sys.executable, '-I', '-c', f'open({raw!r})'], check=True, start_new_session=True, stderr=s.DEVNULL)",
    "a symbolic link beside the notebook": "os.symlink(raw, notebooks + '/link.csv'); open(notebooks + '/link.csv').read()",
    "a hard link beside the notebook": "os.link(raw, notebooks + '/hard.csv')",
    "moving it beside the notebook": "os.rename(raw, notebooks + '/moved.csv')",
    "`/proc/self/root/…`": "open('/proc/self/root' + raw).read()",
    "`/proc/self/cwd/..`": "open('/proc/self/cwd/../raw/' + os.path.basename(raw)).read()",
    "a bind mount over the notebooks": LIBC
    + "found = libc.mount(os.path.dirname(raw).encode(), notebooks.encode(), None, 4096, None)"
    + DONE,
    "a namespace of its own, and a mount there": LIBC
    + "p = os.fork()\nif not p:\n    libc.unshare(0x10020000)\n"
    + "    os._exit(0 if libc.mount(b'/', notebooks.encode(), None, 20480, None) == 0 else 7)\n"
    + "assert os.waitstatus_to_exitcode(os.waitpid(p, 0)[1]) == 0",
    "an open descriptor that was inherited": "found = [os.readlink(f'/proc/self/fd/{f}') for f in os.listdir('/proc/self/fd') if "
    "os.path.lexists(f'/proc/self/fd/{f}')]\nassert any(each.startswith((os.path.dirname(raw), warehouse)) for each in found)",
    "another sandbox of the workspace": "import duckdb; duckdb.connect(other, read_only=True)",
    "`~/.pgpass` and keys of ssh": "open(pgpass).read()",
    "`/etc/shadow`": "open('/etc/shadow').read()",
    "raw devices": "os.open(next(p for p in ('/dev/mem', '/dev/vda', '/dev/sda', '/dev/kmsg') if os.path.exists(p)), os.O_RDONLY)",
}
CHANGES = {
    "writing into a raw table": "open(raw, 'a').write('x')",
    "`os.truncate` of a raw table": "os.truncate(raw, 0)",
    "removing a raw table": "os.remove(raw)",
    "a new file in the warehouse": "open(warehouse + '/new.parquet', 'w')",
    "a new folder in the warehouse": "os.mkdir(warehouse + '/new')",
    "writing into the sandbox itself": "open(sandbox, 'r+b').write(b'x')",
    "`pyproject.toml`": "open(settings, 'a').write('x')",
    "a promoted version": "open(version, 'a').write('x')",
    "a module of the Python environment": "open(os.path.join(os.path.dirname(os.__file__), 'wb_planted.py'), 'w')",
}
PROCESSES = {
    "variables of another process, `/proc/PID/environ`": "open(f'/proc/{victim}/environ').read()",
    "memory of another process, `/proc/PID/mem`": "open(f'/proc/{victim}/mem', 'rb').read(1)",
    "files through another process, `/proc/PID/root`": "open(f'/proc/{victim}/root{raw}').read()",
    "`ptrace` of another process": LIBC + "found = libc.ptrace(16, victim, None, None)" + DONE,
    "`process_vm_readv`": LIBC
    + "b = ctypes.create_string_buffer(8); v = (ctypes.c_uint64 * 2)(ctypes.addressof(b), 8)\n"
    + "start = int(open('/proc/self/maps').readline().split('-')[0], 16); w = (ctypes.c_uint64 * 2)(start, 8)\n"
    + "found = libc.process_vm_readv(victim, v, 1, w, 1, 0)"
    + DONE,
    "a descriptor of another process, `pidfd_getfd`": LIBC + "found = libc.syscall(438, os.pidfd_open(victim), 0, 0)" + DONE,
    "ending another process": "os.kill(victim, 15)",
}
NETWORK = {
    "a TCP connection to a database on this machine": "import socket; socket.create_connection(('127.0.0.1', port), 2)",
    "the same over IPv6": "import socket; socket.socket(socket.AF_INET6).connect(('::1', port))",
    "a TCP connection to another machine": "import socket; s = socket.socket(); s.settimeout(2); s.connect(('192.0.2.1', 5432))",
    "`urllib`": "import urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{port}/', timeout=2)",
    "`asyncio`": "import asyncio; asyncio.run(asyncio.wait_for(asyncio.open_connection('127.0.0.1', port), 2))",
    "TCP Fast Open, which sends without `connect`": "import socket; s = socket.socket()\n"
    "s.settimeout(2); s.sendto(b'x', socket.MSG_FASTOPEN, ('127.0.0.1', port))",
    "Multipath TCP, which reaches any server of TCP": "import socket\n"
    "s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262); s.settimeout(2); s.connect(('127.0.0.1', port))",
    "sockets of virtual machines, `AF_VSOCK`": "import socket; socket.socket(40, socket.SOCK_STREAM)",
    "`io_uring`, which makes sockets by itself": LIBC + "found = libc.syscall(425, 8, ctypes.create_string_buffer(256))" + DONE,
    "a child with a connection of its own": "import subprocess as s, sys\n"
    "s.run([sys.executable, '-c', f'import socket; socket.create_connection((\"127.0.0.1\", {port}))'], check=True, stderr=s.DEVNULL)",
    "listening for others": "import socket; s = socket.socket(); s.bind(('0.0.0.0', listen)); s.listen()",
    "an abstract Unix socket": "import socket; socket.socket(socket.AF_UNIX).connect(chr(0) + abstract)",
}
OPEN = {
    "names, sizes and times of files, by `os.stat`": "assert os.stat(raw).st_size",
    "names of files in the workspace, by `os.listdir`": "assert os.listdir(warehouse + '/data/p')",
    "a Unix socket with a path, as PostgreSQL's in `/run`": "import socket; socket.socket(socket.AF_UNIX).connect(unix)",
    "UDP": "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', port))",
    "permissions, owners and times of files that are yours, by `os.chmod`": "os.chmod(raw, os.stat(raw).st_mode & 0o7777)",
    "that a file changes, by `inotify`": LIBC + "found = libc.inotify_add_watch(libc.inotify_init(), raw.encode(), 2)" + DONE,
    "memory that other processes share, in `/dev/shm`": "open(shared).read()",
    "limits of other processes, by `prlimit`": "import resource as r; r.prlimit(victim, r.RLIMIT_CORE, (0, 0))",
    "command lines of other processes": "assert open(f'/proc/{victim}/cmdline').read()",
    "other notebooks in its folder, which somebody may run later": "open(notebooks + '/planted.py', 'w').write('x')",
}
REFUSED = FILES | CHANGES | PROCESSES | NETWORK
NEEDS = {**dict.fromkeys(NETWORK, landlock.NETWORK), "ending another process": landlock.SIGNALS}
NEEDS["an abstract Unix socket"] = landlock.SIGNALS
