"""What a folder is kept on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from edgeval.system.board.storage import storage_kind
from tests.helpers import boards
from tests.helpers.boards import write

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such files")


@pytest.mark.parametrize(("card", "kind"), [(boards.sd_card, "SD card"), (boards.nvme, "NVMe SSD")])
def test_a_partition_is_of_its_disk(
    card: Callable[[Path, Path], None], kind: str, tmp_path: Path
) -> None:
    card(tmp_path, tmp_path)
    assert storage_kind(tmp_path, tmp_path) == kind
    # What is not there yet is made where its folder is.
    assert storage_kind(tmp_path / "not" / "yet" / "edgeval.db", tmp_path) == kind


@pytest.mark.parametrize(
    ("place", "files", "kind"),
    [
        ("platform/mmc0/block/mmcblk1", {"device/type": "MMC"}, "eMMC"),
        ("platform/mmc0/block/mmcblk1", {"device/type": "SDIO"}, None),
        ("pci0000:00/ata1/host0/block/sda", {"queue/rotational": 0}, "SSD"),
        ("pci0000:00/ata1/host0/block/sda", {"queue/rotational": 1}, "hard disk"),
        ("pci0000:00/usb2/2-1/host1/block/sdb", {"queue/rotational": 1}, "USB drive"),
        ("pci0000:00/virtio1/block/vda", {"queue/rotational": 1}, "virtual disk"),
        ("virtual/block/zram1", {"queue/rotational": 0}, "memory"),
        ("virtual/block/loop3", {"queue/rotational": 0}, None),
        ("pci0000:00/ata1/host0/block/sda", {"size": 8}, None),
    ],
)
def test_a_disk_is_what_sysfs_says(
    place: str, files: Mapping[str, object], kind: str | None, tmp_path: Path
) -> None:
    boards.disk(tmp_path, tmp_path, place, files)
    assert storage_kind(tmp_path, tmp_path) == kind


def test_an_encrypted_volume_is_on_its_disk(tmp_path: Path) -> None:
    place = "pci0000:00/0000:01:00.0/nvme/nvme0/nvme0n1"
    part = tmp_path / "sys/devices" / place / "nvme0n1p3"
    write(part, {"partition": 3})
    boards.disk(tmp_path, tmp_path, "virtual/block/dm-0", {"queue/rotational": 0})
    slaves = tmp_path / "sys/devices/virtual/block/dm-0/slaves"
    slaves.mkdir()
    (slaves / "nvme0n1p3").symlink_to(part, target_is_directory=True)
    assert storage_kind(tmp_path, tmp_path) == "NVMe SSD"


@pytest.mark.parametrize(
    ("mount", "kind"),
    [
        ("tmpfs tmpfs", "memory"),
        ("nfs4 host:/export", "network"),
        ("overlay overlay", None),
        ("btrfs /dev/sda2", "hard disk"),
        ("btrfs /dev/mapper/gone", None),
    ],
)
def test_what_is_on_no_block_device_is_told_by_its_mount(
    mount: str, kind: str | None, tmp_path: Path
) -> None:
    write(tmp_path / "sys/class/block/sda2", {"queue/rotational": 1})
    text = f"1 0 8:1 / / rw - ext4 /dev/vda rw\n2 1 0:40 / {tmp_path} rw shared:1 - {mount} rw"
    write(tmp_path, {"proc/self/mountinfo": text})
    assert storage_kind(tmp_path / "x", tmp_path) == kind


def test_without_files_nothing_is_known(tmp_path: Path) -> None:
    assert storage_kind(tmp_path, tmp_path) is None
