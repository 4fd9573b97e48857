# Shared by the scripts beside it; sourced, never run.
# shellcheck shell=bash

# Where rustup puts it, before the shell was started anew.
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin

# step NAME COMMAND…: runs the command and says on standard error how long it took.
step() {
  local name=$1 start=$SECONDS status=0
  shift
  "$@" || status=$?
  if ((status == 0)); then
    echo "== $name: ok, $((SECONDS - start)) s" >&2
  else
    echo "== $name: FAILED, $((SECONDS - start)) s" >&2
    exit "$status"
  fi
}

# as_root COMMAND…: as root or through sudo, which forgets the way through a proxy unless it is told.
as_root() {
  if ((EUID == 0)); then
    "$@"
    return
  fi
  local -a kept=()
  local name
  for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [[ -z ${!name-} ]] || kept+=("$name=${!name}")
  done
  sudo env "${kept[@]}" "$@"
}

# can_install PACKAGE…: whether Debian packages can be installed; says what to do where they cannot.
can_install() {
  if ! command -v apt-get >/dev/null; then
    echo "missing, and there is no apt-get here to install them: what Debian has as $*" >&2
    return 1
  fi
  if ((EUID != 0)) && ! command -v sudo >/dev/null; then
    echo "missing, and neither root nor sudo to install them; as root: apt-get install --no-install-recommends $*" >&2
    return 1
  fi
}

# apt_install PACKAGE…: installs Debian packages, waiting for another apt to finish.
apt_install() {
  can_install "$@" || return
  echo "installing Debian packages: $*" >&2
  # A list that cannot be fetched need not be the one that is needed. apt waits for others with what it installs, not with
  # its lists.
  local said deadline=$((SECONDS + 300))
  until said=$(as_root env LC_ALL=C apt-get update -qq 2>&1); do
    if [[ $said != *"Could not get lock"* ]] || ((SECONDS > deadline)); then
      echo "apt-get update: $said" >&2
      break
    fi
    sleep 2
  done
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=300 "$@" >/dev/null
}

# need_venv: python3 that can make virtual environments.
need_venv() {
  python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install python3 python3-venv
}

# venv_from FOLDER REQUIREMENTS [PIP OPTION…]: a virtual environment that holds exactly these requirements,
# made anew when they change. Prints what it did, or nothing.
venv_from() {
  local folder=$1 requirements=$2 stamp
  shift 2
  stamp=$(sha256sum <"$requirements")
  if [[ -x $folder/bin/python && $stamp == "$(cat "$folder/stamp" 2>/dev/null)" ]]; then
    return
  fi
  need_venv
  rm -rf "$folder"
  python3 -m venv "$folder"
  # Not by its script, whose first line holds no more than 127 letters of a path.
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@" --requirement "$requirements"
  echo "$stamp" >"$folder/stamp"
  echo "made $folder from $requirements"
}
