# corpus.sh - a real corpus to try corbel on: the PostgreSQL manual, some 1,200 pages of HTML.
#
# The package postgresql-doc brings it. Slim images keep documentation out of what they install; there the package is
# unpacked into CACHE/corpus instead.

what() { echo "the PostgreSQL manual into $CACHE/corpus, if this system leaves documentation out"; }

# corpus_dir: where the manual's pages are; fails where they are nowhere.
corpus_dir()
{
	major=$(major_of postgresql)
	for dir in "/usr/share/doc/postgresql-doc-$major/html" "$CACHE/corpus/usr/share/doc/postgresql-doc-$major/html"; do
		if [ -e "$dir/bookindex.html" ]; then
			echo "$dir"
			return
		fi
	done
	return 1
}

check() { corpus_dir >/dev/null; }

provide()
{
	scratch
	(cd "$SCRATCH" && apt-get -qq -o APT::Sandbox::User=root download "postgresql-doc-$(major_of postgresql)")
	dpkg-deb -x "$SCRATCH"/postgresql-doc-*.deb "$SCRATCH/corpus"
	place "$SCRATCH/corpus" "$CACHE/corpus"
}
