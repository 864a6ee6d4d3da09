"""Saves a tar as a snapshot, lists what is stored, and restores it into another tar:

tar -C DIR -c . | python save_and_restore.py unix:/var/lib/stasis/stasis.sock nightly | tar -t
"""

import sys
import zlib

import grpc
from stasis.v1 import snapshot_service_pb2 as api
from stasis.v1.snapshot_service_pb2_grpc import SnapshotServiceStub


def upload(name, tar):
    header = api.CreateRequest(header=api.CreateHeader(config={"name": name}))
    yield header
    total, crc = 0, 0
    while chunk := tar.read(512 * 1024):
        total, crc = total + len(chunk), zlib.crc32(chunk, crc)
        yield api.CreateRequest(chunk=chunk)
    yield api.CreateRequest(commit=api.UploadCommit(total_bytes=total, crc32=crc))


def snapshots(client):
    request = api.ListRequest()
    while True:
        page = client.List(request)
        yield from page.snapshots
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def restore(client, ref, tar):
    # GNU is the default, and most tar programs unpack it.
    request = api.RestoreRequest(ref=ref, sparse_format=api.SPARSE_FORMAT_GNU)
    crc, trailer = 0, None
    for frame in client.Restore(request):
        crc = zlib.crc32(frame.chunk, crc)
        tar.write(frame.chunk)
        if frame.HasField("trailer"):
            trailer = frame.trailer
    if trailer is None or trailer.crc32 != crc:
        sys.exit("the download was cut or damaged on its way")


def main():
    address, name = sys.argv[1:]
    client = SnapshotServiceStub(grpc.insecure_channel(address))
    answer = client.Create(upload(name, sys.stdin.buffer))
    print("saved as", answer.snapshot.config.id, file=sys.stderr)
    for each in snapshots(client):
        print(each.config.id, each.config.name, each.size_bytes, file=sys.stderr)
    restore(client, name, sys.stdout.buffer)


main()
