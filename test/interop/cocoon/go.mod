// cocoon itself is added by run.ts, at its pinned commit or from COCOON_SOURCE: only the module proxy knows the
// pseudo-version of a commit.
module stasis.dev/interop/cocoon

go 1.26.5
