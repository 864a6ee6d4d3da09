// Writes the index of a store again in the format of newer versions of cocoon, with cocoon's own
// package meta/sqlite. It copies the records of ROOT/snapshot/db/snapshots.json to
// ROOT/meta/meta.db unchanged, as `cocoon meta convert` does. It ends without closing the database,
// so that the records are still in the database's log.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cocoonstack/cocoon/meta"
	"github.com/cocoonstack/cocoon/meta/sqlite"
)

// Cocoon declares these tables in cmd/core/metastore.go. The list has the tables of snapshots, and
// two others.
var namespaces = []sqlite.Namespace{
	{Name: "vms_cloudhypervisor", Tables: []string{"records", "names", "orphan_dirs", "tombstones", "placements"}},
	{Name: "vms_firecracker", Tables: []string{"records", "names", "orphan_dirs", "tombstones", "placements"}},
	{Name: "snapshots", Tables: []string{"records", "names", "tombstones"}},
}

func main() {
	if err := run(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root string) error {
	text, err := os.ReadFile(filepath.Join(root, "snapshot", "db", "snapshots.json"))
	if err != nil {
		return err
	}
	var index struct {
		Snapshots map[string]json.RawMessage `json:"snapshots"`
		Names     map[string]json.RawMessage `json:"names"`
	}
	if err := json.Unmarshal(text, &index); err != nil {
		return err
	}
	path := filepath.Join(root, "meta", sqlite.DBFileName)
	if err := sqlite.Init(ctx, path, namespaces...); err != nil {
		return err
	}
	store, err := sqlite.Open(path, namespaces...)
	if err != nil {
		return err
	}
	return store.Update(ctx, meta.Scope{Write: "snapshots"}, meta.CommitDurable, func(w meta.Writer) error {
		for id, record := range index.Snapshots {
			if err := w.PutRaw(ctx, "snapshots", "records", id, record, false); err != nil {
				return err
			}
		}
		for name, id := range index.Names {
			if err := w.PutRaw(ctx, "snapshots", "names", name, id, false); err != nil {
				return err
			}
		}
		return nil
	})
}
