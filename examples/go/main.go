// Saves a tar as a snapshot, lists what is stored, and restores it into another tar:
// tar -C DIR -c . | example unix:/var/lib/stasis/stasis.sock nightly | tar -t
package main

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	stasisv1 "stasis.local/gen/go/stasis/v1"
)

func main() {
	connection, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	client := stasisv1.NewSnapshotServiceClient(connection)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := save(ctx, client, os.Args[2], os.Stdin); err != nil {
		log.Fatal(err)
	}
	if err := list(ctx, client); err != nil {
		log.Fatal(err)
	}
	if err := restore(ctx, client, os.Args[2], os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func save(ctx context.Context, client stasisv1.SnapshotServiceClient, name string, tar io.Reader) error {
	upload, err := client.Create(ctx)
	if err != nil {
		return err
	}
	header := &stasisv1.CreateHeader{Config: &stasisv1.SnapshotConfig{Name: name}}
	frame := &stasisv1.CreateRequest{Frame: &stasisv1.CreateRequest_Header{Header: header}}
	chunk, total, sum := make([]byte, 512*1024), int64(0), crc32.NewIEEE()
	// Send fails once the daemon has refused the upload: CloseAndRecv says why.
	for upload.Send(frame) == nil {
		read, err := tar.Read(chunk)
		if errors.Is(err, io.EOF) {
			checksum := sum.Sum32()
			commit := &stasisv1.UploadCommit{TotalBytes: total, Crc32: &checksum}
			_ = upload.Send(&stasisv1.CreateRequest{Frame: &stasisv1.CreateRequest_Commit{Commit: commit}})
			break
		}
		if err != nil {
			return err
		}
		total += int64(read)
		_, _ = sum.Write(chunk[:read])
		frame = &stasisv1.CreateRequest{Frame: &stasisv1.CreateRequest_Chunk{Chunk: chunk[:read]}}
	}
	answer, err := upload.CloseAndRecv()
	if err == nil {
		fmt.Fprintln(os.Stderr, "saved as", answer.Snapshot.Config.Id)
	}
	return err
}

func list(ctx context.Context, client stasisv1.SnapshotServiceClient) error {
	request := &stasisv1.ListRequest{}
	for {
		page, err := client.List(ctx, request)
		if err != nil {
			return err
		}
		for _, each := range page.Snapshots {
			fmt.Fprintln(os.Stderr, each.Config.Id, each.Config.Name, each.SizeBytes)
		}
		if page.NextPageToken == "" {
			return nil
		}
		request.PageToken = page.NextPageToken
	}
}

func restore(ctx context.Context, client stasisv1.SnapshotServiceClient, ref string, tar io.Writer) error {
	// GNU is the default, and most tar programs unpack it.
	request := &stasisv1.RestoreRequest{Ref: ref, SparseFormat: stasisv1.SparseFormat_SPARSE_FORMAT_GNU}
	download, err := client.Restore(ctx, request)
	if err != nil {
		return err
	}
	sum := crc32.NewIEEE()
	for {
		frame, err := download.Recv()
		if err != nil {
			return fmt.Errorf("the download has no trailer: %w", err)
		}
		if trailer := frame.GetTrailer(); trailer != nil {
			if trailer.Crc32 != sum.Sum32() {
				return errors.New("the download was damaged on its way")
			}
			return nil
		}
		_, _ = sum.Write(frame.GetChunk())
		if _, err := tar.Write(frame.GetChunk()); err != nil {
			return err
		}
	}
}
