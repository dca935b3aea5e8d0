# lib.sh - what every developer script shares: where things are, how it speaks, how it becomes root, how it takes
# files from a newer Debian.
#
# Sourced, never run. Expects ROOT, the top of the source tree, and defines CACHE, the place for what is made once per
# machine (ONNX Runtime, the embedding model, Python environments). Things appear in CACHE whole or not at all: they
# are built in a scratch directory beside it and moved into place, so that an interrupted run leaves nothing half made.

CACHE=${CORBEL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/corbel}
export CORBEL_CACHE="$CACHE"

say() { printf '==> %s\n' "$*"; }
warn() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { warn "$*"; exit 1; }

# as_root COMMAND...: runs it as root, through sudo where we are not root.
as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo "$@"
	else
		die "'$1' needs root: run this as root, or install sudo"
	fi
}

# debian_version: the major version of this Debian, such as 12; a testing system counts as the release it becomes.
debian_version()
{
	. /etc/os-release
	[ "${ID:-}" = debian ] || die "set-up knows Debian 12 and newer, not '${PRETTY_NAME:-this system}'"
	[ -n "${VERSION_ID:-}" ] || VERSION_ID=99
	[ "$VERSION_ID" -ge 12 ] || die "Debian $VERSION_ID is too old: 12 or newer is needed"
	printf '%s\n' "$VERSION_ID"
}

# quietly COMMAND...: says what COMMAND said only if it fails.
quietly()
{
	said=$(mktemp)
	if "$@" >"$said" 2>&1; then
		rm -f "$said"
	else
		status=$?
		cat "$said" >&2
		rm -f "$said"
		return "$status"
	fi
}

apt() { quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq -o Dpkg::Use-Pty=0 "$@"; }

# installed PACKAGE...: whether all of them are installed, whatever their version.
installed()
{
	[ "$(dpkg-query -W -f '${db:Status-Status}\n' "$@" 2>/dev/null | grep -c '^installed$')" -eq $# ]
}

# scratch: makes a scratch directory in CACHE, on the file system of the things that will be moved out of it, sets
# SCRATCH to it, and removes it at exit, and those of runs that were killed a day ago or earlier.
scratch()
{
	mkdir -p "$CACHE"
	find "$CACHE" -maxdepth 1 -name '.making.*' -mtime +0 -exec rm -rf {} +
	SCRATCH=$(mktemp -d "$CACHE/.making.XXXXXX")
	trap 'rm -rf "$SCRATCH"' EXIT
	trap 'exit 130' INT TERM HUP
}

# place FROM TO: moves a finished thing to its place, over an older one.
place()
{
	mkdir -p "$(dirname "$2")"
	rm -rf "$2"
	mv "$1" "$2"
}

# newer_suite SUITE deb|deb-src DIR: prepares DIR for apt-get against another suite of the mirror that this machine's apt
# uses already. Its state is its own: nothing under /etc/apt changes, and no host is written down here.
newer_suite()
{
	codename=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Origin: Debian' \
		"Codename: $codename" | sort -u | head -n 1)
	[ -n "$mirror" ] || die "no Debian mirror in apt's configuration: run apt-get update first"
	mkdir -p "$3/.apt/sources" "$3/.apt/lists/partial" "$3/.apt/cache/archives/partial"
	printf 'Types: %s\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$2" "$mirror" "$1" \
		/usr/share/keyrings/debian-archive-keyring.gpg >"$3/.apt/sources/newer.sources"
	{
		printf 'Dir::Etc::SourceList "/dev/null";\nDir::Etc::SourceParts "%s";\n' "$3/.apt/sources"
		printf 'Dir::Etc::PreferencesParts "/dev/null";\nDir::State::Lists "%s";\n' "$3/.apt/lists"
		printf 'Dir::Cache "%s";\nAPT::Sandbox::User "root";\n' "$3/.apt/cache"
	} >"$3/.apt/apt.conf"
	newer "$3" update
}

# newer DIR apt-get-arguments...: runs apt-get, in DIR, against the suite that newer_suite prepared.
newer()
{
	(cd "$1" && shift && APT_CONFIG=$PWD/.apt/apt.conf apt-get -qq "$@")
}

# venv DIR: a Python environment from Debian's own Python, whatever other Pythons come first in PATH.
venv()
{
	/usr/bin/python3 -m venv "$1"
}

# key FILE...: a checksum over files; what they make carries it, so that a change of the recipe makes the thing anew.
key() { cat "$@" | sha256sum | cut -c 1-16; }

# made_by DIR FILE...: whether DIR was made by these very files.
made_by()
{
	[ -r "$1/.made-by" ] || return 1
	made=$(cat "$1/.made-by")
	shift
	[ "$made" = "$(key "$@")" ]
}

# sign DIR FILE...: notes which files made DIR.
sign()
{
	signed=$1
	shift
	key "$@" >"$signed/.made-by"
}

# python_env REQUIREMENTS: prints the folder of a Python environment that holds these packages; made on the first call.
python_env()
{
	env_dir=$CACHE/python-$(key "$1")
	if [ ! -x "$env_dir/bin/python" ]; then
		scratch
		venv "$SCRATCH/env"
		"$SCRATCH/env/bin/python" -m pip -q --disable-pip-version-check install -r "$1" >&2
		place "$SCRATCH/env" "$env_dir"
	fi
	echo "$env_dir"
}

# node_env NAME FOLDER: prints the folder of a Node environment that holds the packages of FOLDER's lock file; made on the first call.
node_env()
{
	node_dir=$CACHE/node-$1-$(key "$2/package-lock.json") # checkouts of other versions may run beside
	if [ ! -d "$node_dir/node_modules" ]; then
		scratch
		mkdir "$SCRATCH/node"
		cp "$2/package.json" "$2/package-lock.json" "$SCRATCH/node/"
		(cd "$SCRATCH/node" && npm ci --silent --no-audit --no-fund --no-update-notifier >&2)
		place "$SCRATCH/node" "$node_dir"
	fi
	echo "$node_dir"
}
