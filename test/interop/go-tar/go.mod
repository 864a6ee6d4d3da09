module stasis.local/interop/go-tar

go 1.21
