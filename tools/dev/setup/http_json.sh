# http_json.sh - yyjson and llhttp, the two libraries that Debian 12 lacks.
#
# Debian 13 has them as ordinary packages. On Debian 12 the packages of Debian 13 are installed, which need nothing that
# Debian 12 does not have; only these files are taken, and apt keeps knowing one release.

HTTP_JSON_PACKAGES='libyyjson-dev libyyjson0 libllhttp-dev libllhttp9.2'

what() { echo "yyjson and llhttp, from the packages of Debian 13"; }

# shellcheck disable=SC2086 # lists
check() { [ "$(debian_version)" -ge 13 ] || installed $HTTP_JSON_PACKAGES; }

# shellcheck disable=SC2086
provide()
{
	scratch
	newer_suite trixie deb "$SCRATCH"
	newer "$SCRATCH" download $HTTP_JSON_PACKAGES
	apt install -y --no-install-recommends "$SCRATCH"/*.deb
}
