# Shared by the scripts beside it; sourced, never run.
# shellcheck shell=bash

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

# apt_install PACKAGE…: installs Debian packages, as root or through sudo, waiting for another apt to finish.
apt_install() {
  local -a root=()
  ((EUID == 0)) || root=(sudo)
  echo "installing Debian packages: $*" >&2
  "${root[@]}" apt-get update -qq
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
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
  "$folder/bin/pip" install --quiet --disable-pip-version-check "$@" --requirement "$requirements"
  echo "$stamp" >"$folder/stamp"
  echo "made $folder from $requirements"
}
