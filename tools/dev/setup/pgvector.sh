# pgvector.sh - vectors for the PostgreSQL that the tests start.
#
# Debian 13 has it as a package. On Debian 12 it is built from Debian 13's source, for the PostgreSQL of Debian 12.

what() { echo "pgvector, built from the source of Debian 13 for PostgreSQL $(major_of postgresql)"; }

check()
{
	[ "$(debian_version)" -ge 13 ] || [ -e "/usr/share/postgresql/$(major_of postgresql)/extension/vector.control" ]
}

provide()
{
	scratch
	newer_suite trixie deb-src "$SCRATCH"
	quietly newer "$SCRATCH" source pgvector
	cd "$SCRATCH"/pgvector-*/ || exit
	# OPTFLAGS: no -march=native, the result may travel with an image
	set -- OPTFLAGS= "PG_CONFIG=/usr/lib/postgresql/$(major_of postgresql)/bin/pg_config"
	quietly make -j"$(nproc)" "$@"
	quietly as_root make install "$@"
}
