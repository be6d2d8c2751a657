"""Create and refresh the development environment: `python3 -m devtools.venv .venv`. Needs nothing but Python.

Done again only when a lock file, pyproject.toml or the Python changes; safe when two run at once.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from devtools import apt, unpacked

ROOT = Path(__file__).resolve().parents[1]
INPUTS = ("requirements.lock", "requirements-dev.lock", "pyproject.toml")
OLDEST = (3, 11)
VERSION = "{}.{}".format(*sys.version_info)
LOCK = "sync-service.lock"
WHEEL = "python3-pip-whl"


def main() -> None:
    if sys.version_info < OLDEST:
        sys.exit(f"Python 3.11 or later is needed, this is {sys.version.split()[0]}. Try: make PYTHON=python3.11")
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".venv")
    folder = folder if folder.is_absolute() else ROOT / folder
    folder.mkdir(parents=True, exist_ok=True)
    stamp = folder / "sync-service.stamp"
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = fingerprint()
        if stamp.exists() and stamp.read_text() == wanted:
            return
        python = folder / "bin" / "python"
        if made_by(folder) != VERSION:
            clear(folder)
        if not (folder / "bin" / "pip").exists():  # or it was interrupted half-way
            create(folder)
        install(python)
        stamp.write_text(wanted)


def fingerprint() -> str:
    digest = hashlib.sha256(f"{ROOT}\n{VERSION}".encode())
    for name in INPUTS:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def made_by(folder: Path) -> str:
    """The Python of an environment, as major.minor; empty where there is none, or it does not run any more."""
    code = "import sys; print('{}.{}'.format(*sys.version_info))"
    try:
        done = subprocess.run([folder / "bin" / "python", "-c", code], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()


def clear(folder: Path) -> None:
    """Everything but the lock, which is held. A folder that is no environment is left as it is."""
    if not (folder / "pyvenv.cfg").exists():
        return
    for path in folder.iterdir():
        if path.name == LOCK:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def create(folder: Path) -> None:
    pip = None if has_ensurepip() else get_pip(folder / "debian")
    print(f"creating {folder.name} with Python {sys.version.split()[0]}", flush=True)
    call(sys.executable, "-m", "venv", *(["--without-pip"] if pip else []), str(folder))
    if pip:  # a wheel of pip can run from where it is, and so install itself
        call(str(folder / "bin" / "python"), str(pip / "pip"), "install", "--quiet", "--no-index", str(pip))


def install(python: Path) -> None:
    print("installing what the lock files name", flush=True)
    pip = (str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    call(*pip, "--require-hashes", "-r", str(ROOT / "requirements-dev.lock"))
    call(*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT))


def has_ensurepip() -> bool:
    # In a process of its own: a module installed meanwhile is not seen by this one.
    return not subprocess.run([sys.executable, "-c", "import ensurepip"], capture_output=True, check=False).returncode


def get_pip(home: Path) -> Path | None:
    """With ensurepip installed there is nothing more to do; where we may not install, the wheel of pip, unpacked."""
    package = package_name()
    advice = (
        f"{sys.executable} cannot make virtual environments. Install what is missing: sudo apt-get install {package}"
    )
    prefix = apt.privileged()
    print(f"unpacking {WHEEL}" if prefix is None else f"installing {package}", flush=True)
    try:
        with apt.one_at_a_time():
            if prefix is None:
                return next(unpacked.get(WHEEL, home=home).glob("usr/share/python-wheels/pip-*.whl"))
            apt.install(prefix, package)
    except (apt.AptFailed, StopIteration) as error:
        sys.exit(f"{advice}\n{error}")
    if not has_ensurepip():
        sys.exit(advice)
    return None


def package_name() -> str:
    """Debian's own Python has python3-venv, the others one package for each version."""
    own = Path("/usr/bin/python3").resolve()
    return "python3-venv" if own == Path(sys.executable).resolve() else f"python{VERSION}-venv"


def call(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(f"failed with {done.returncode}: {' '.join(command)}")


if __name__ == "__main__":
    main()
