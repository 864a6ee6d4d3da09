// Downloads Debian's cloud kernel, and builds the initramfs of the test's guest: busybox, the
// modules of virtio disks, and real files of this machine as the guest's data.
import { execFile } from "node:child_process";
import { copyFile, mkdir, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const execute = promisify(execFile);
/** The package is unpacked here once, and never installed. */
const unpacked = fileURLToPath(new URL("../../../build/guest-kernel", import.meta.url));
/** The modules of a virtio disk, in the order in which they are loaded. */
const modules = [
  "virtio/virtio_ring",
  "virtio/virtio",
  "virtio/virtio_pci_legacy_dev",
  "virtio/virtio_pci_modern_dev",
  "virtio/virtio_pci",
  "block/virtio_blk",
];

/**
 * The guest's first process. It loads its data, then counts. For each count it changes a few bytes
 * in each of eight pages of a file of up to 64 MiB in memory, as services do that update their
 * state, and adds a line to a log on the disk.
 */
const init = `#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
for module in ${modules.map((path) => path.replace(/.*\//, "")).join(" ")}; do insmod /modules/$module.ko; done
mke2fs -F /dev/vda >/dev/null 2>&1
mkdir /disk && mount -t ext4 /dev/vda /disk && cp -r /data /disk/data && sync || poweroff -f
cat /data/* | head -c 64m >/state
pages=16384
echo READY
count=0
while true; do
  count=$((count + 1))
  for each in 1 2 3 4 5 6 7 8; do
    page=$(((count * 7919 + each * 104729) % pages))
    echo "changed $count" | dd of=/state bs=4k seek=$page conv=notrunc 2>/dev/null
  done
  echo "line $count" >>/disk/log
  [ $((count % 8)) = 0 ] && sync
  echo "COUNT $count"
  sleep 0.25
done
`;

export interface Boot {
  readonly kernel: string;
  readonly initramfs: string;
}

/**
 * Returns the kernel and an initramfs, which is made in the empty directory `scratch`. The guest
 * has at most `dataBytes` of real files in memory, and the same files on its disk.
 */
export async function prepareBoot(scratch: string, dataBytes: number): Promise<Boot> {
  const release = await unpackKernel();
  const tree = join(scratch, "tree");
  for (const name of ["bin", "proc", "dev", "modules", "data"]) {
    await mkdir(join(tree, name), { recursive: true });
  }
  await copyFile("/bin/busybox", join(tree, "bin/busybox"));
  await symlink("busybox", join(tree, "bin/sh"));
  for (const path of modules) {
    const from = join(unpacked, "lib/modules", release, "kernel/drivers", `${path}.ko`);
    await copyFile(from, join(tree, "modules", `${path.replace(/.*\//, "")}.ko`));
  }
  await copyRealFiles(join(tree, "data"), dataBytes);
  await writeFile(join(tree, "init"), init, { mode: 0o755 });
  const initramfs = join(scratch, "initramfs");
  const script = 'cd "$1" && find . | cpio --quiet -o -H newc >"$2"';
  await execute("sh", ["-c", script, "sh", tree, initramfs]);
  await rm(tree, { recursive: true });
  return { kernel: join(unpacked, "boot", `vmlinuz-${release}`), initramfs };
}

/** Downloads and unpacks the kernel if it is missing. Returns its release. */
async function unpackKernel(): Promise<string> {
  const found = await releaseOf();
  if (found !== undefined) return found;
  await mkdir(unpacked, { recursive: true });
  const meta = "linux-image-cloud-amd64";
  const { stdout } = await execute("apt-cache", ["depends", meta]);
  const name = /Depends: (linux-image-\S+)/.exec(stdout)?.[1];
  if (name === undefined) throw new Error(`no kernel: ${meta} depends on none here`);
  const options = ["-q", "-o", "APT::Sandbox::User=root"];
  await execute("apt-get", [...options, "download", name], { cwd: unpacked });
  for (const file of await readdir(unpacked)) {
    if (file.endsWith(".deb")) await execute("dpkg", ["-x", join(unpacked, file), unpacked]);
  }
  const release = await releaseOf();
  if (release === undefined) throw new Error(`no kernel in ${name}`);
  return release;
}

async function releaseOf(): Promise<string | undefined> {
  const names = await readdir(join(unpacked, "boot")).catch((): string[] => []);
  return names.find((name) => name.startsWith("vmlinuz-"))?.slice("vmlinuz-".length);
}

/**
 * Copies programs and libraries of this machine, at most `bytes` in total: code and text, as a
 * guest has them.
 */
async function copyRealFiles(target: string, bytes: number): Promise<void> {
  let left = bytes;
  for (const folder of ["/usr/bin", "/usr/lib/x86_64-linux-gnu"]) {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(folder, entry.name);
      const { size } = await stat(path);
      if (size > left || size > bytes / 4) continue;
      await copyFile(path, join(target, entry.name));
      left -= size;
    }
  }
}
