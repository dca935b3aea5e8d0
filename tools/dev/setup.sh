#!/bin/sh
# setup.sh - brings a bare Debian 12 or 13 to where corbel builds, runs and is tested.
#
#	tools/dev/setup.sh GROUP...
#
# A group is a kind of need: its packages (packages_GROUP in setup/packages.sh) and its steps (below). A step is a file
# in setup/ with three functions: `what` it would do, in words; `check`, whether it is done, by looking at the thing
# itself; `make`, which does it. So a second run costs only the looking, an interrupted one is taken up where it
# stopped, and what somebody removed comes back. Everything that is missing is named before anything is changed, and a
# person at a terminal is asked once.
set -eu

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tools/dev/lib.sh"
. "$ROOT/tools/dev/setup/packages.sh"

GROUPS_ALL='build model corpus clang lint test bench'

steps_of()
{
	case $1 in
	build) echo http_json onnxruntime ;;
	model) echo model ;;
	test) echo pgvector node python ;;
	esac
}

# step NAME FUNCTION: in a subshell, since every step defines the same three names.
step() { (. "$ROOT/tools/dev/setup/$1.sh" && "$2"); }

confirm()
{
	[ -t 0 ] || return 0
	printf 'Go on? [Y/n] '
	read -r answer
	case $answer in
	'' | [Yy]*) ;;
	*) die "nothing was changed" ;;
	esac
}

missing_packages()
{
	for group in "$@"; do
		for package in $("packages_$group"); do
			installed "$package" || echo "$package"
		done
	done | sort -u
}

undone_steps()
{
	for group in "$@"; do
		for name in $(steps_of "$group"); do
			step "$name" check || echo "$name"
		done
	done
}

announce()
{
	say "corbel needs on this machine:"
	[ -z "$packages" ] || printf 'Debian packages: %s\n' "$(echo $packages)" | fold -s -w 100 | sed 's/^/    /'
	for name in $steps; do
		printf '    %s\n' "$(step "$name" what)"
	done
}

for group in "$@"; do
	case " $GROUPS_ALL " in
	*" $group "*) ;;
	*) die "no such group of needs: $group (there are: $GROUPS_ALL)" ;;
	esac
done
[ $# -gt 0 ] || die "usage: setup.sh GROUP... ($GROUPS_ALL)"

debian_version >/dev/null
packages=$(missing_packages "$@")
steps=$(undone_steps "$@")
[ -n "$packages$steps" ] || exit 0

announce
confirm
if [ -n "$packages" ]; then
	say "installing Debian packages"
	apt update
	# names that depend on the release are known only after the update
	packages=$(missing_packages "$@")
	# shellcheck disable=SC2086 # a list
	apt install -y --no-install-recommends $packages
fi
for name in $steps; do
	say "making $name"
	step "$name" make
	step "$name" check || die "$name was made, but is not there"
done
