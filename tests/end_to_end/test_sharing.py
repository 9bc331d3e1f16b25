"""Records are shown to others: they tell no folder of this machine, and nobody's name."""

from __future__ import annotations

import json
import os
import platform
import shlex
import shutil
import zipfile
from pathlib import Path

import pytest

from edgeval.gguf import provenance
from edgeval.records import Failure
from edgeval.report.compare.compare import compare
from edgeval.system.sharing import shareable_command, shareable_path, shareable_text
from tests.helpers.command import edgeval

NAME = "Somebodys-Own-Name"


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", f"/home/{NAME}")
    monkeypatch.setenv("USERPROFILE", rf"C:\Users\{NAME}")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (f"/home/{NAME}/models/m.gguf", "m.gguf"),
        ("~/m.gguf", "m.gguf"),
        ("~other/models/m.gguf", "m.gguf"),
        ("../other/m.gguf", "m.gguf"),
        (f"{NAME}/m.gguf", "m.gguf"),
        (rf"C:\Users\{NAME}\m.gguf", "m.gguf"),
        (r"\\server\share\m.gguf", "m.gguf"),
        ("file:///tmp/m.gguf", "m.gguf"),
        (f"/home/{NAME}/", "~"),
        ("m.gguf", "m.gguf"),
        ("models/m.gguf", "models/m.gguf"),
        ("TinyLlama/TinyLlama-1.1B", "TinyLlama/TinyLlama-1.1B"),
        ("https://a.example/b/c", "https://a.example/b/c"),
        ("F16,Q8_0", "F16,Q8_0"),
        ("-", "-"),
        ("/", "/"),
        ("..", ".."),
    ],
)
def test_a_path_tells_no_folder_outside(given: str, shown: str) -> None:
    assert shareable_path(given) == shown
    command = shareable_command(["edgeval", given, f"--out={given}"])
    assert shlex.split(command) == ["edgeval", shown, f"--out={shown}"]


def test_a_command_can_be_typed_again() -> None:
    given = ["edgeval", "run", "/a/my model[old].gguf", "--limit", "5", "b\udcff\n"]
    assert shareable_command(given) == ("edgeval run 'my model[old].gguf' --limit 5 'b\\xff\n'")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cannot open /home/me/.cache/x.so (at /opt/y.c:12)", "cannot open x.so (at y.c:12)"),
        ("cannot open 'C:\\Users\\me\\m.gguf'; free some", "cannot open 'm.gguf'; free some"),
        ("cannot open 'C:\\Users\\A B\\m n.gguf' here", "cannot open 'm n.gguf' here"),
        ('see "/opt/a b/c d.so" and "e/f"', 'see "c d.so" and "e/f"'),
        ("no C:/Users/me/m.gguf", "no m.gguf"),
        (r"no \\server\share\m.gguf", "no m.gguf"),
        ("no file:///srv/me/m.gguf", "no m.gguf"),
        (r"no ~other\m.gguf, ~other/n.gguf", "no m.gguf, n.gguf"),
        ("cannot reach me@my-board: no route", "cannot reach USER@HOST: no route"),
        ("http://me:word@meter/status", "http://USER@HOST/status"),
        ("5 tokens/s and/or 1/2, see https://a.example/b/c", None),
        ("owner/name@main has no F16", None),
    ],
)
def test_a_sentence_tells_no_folder(text: str, shown: str | None) -> None:
    assert shareable_text(text) == (shown or text)


@pytest.mark.parametrize(
    ("home", "text", "shown"),
    [
        ("/home/alice b", "no /home/alice b/models/m.gguf", "no m.gguf"),
        ("/home/alice b", "no /home/alice b", "no ~"),
        ("/home/ali", "no /home/alibi/m.gguf", "no m.gguf"),
        (r"C:\Users\Alice B", r"no C:\Users\Alice B\models\m.gguf", "no m.gguf"),
        (r"C:\Users\Alice B", "no c:/users/alice b/models/m.gguf", "no m.gguf"),
        (r"C:\Users\Alice B", r"no C:\\Users\\Alice B\\m.gguf", "no m.gguf"),
        ("/home/alice-own", "Alice-Own may not read it", "USER may not read it"),
        ("/home/me", "me may not read it", "me may not read it"),
    ],
)
def test_a_sentence_tells_no_home_and_no_user(
    home: str, text: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", home)
    monkeypatch.setenv("USERPROFILE", home)
    assert shareable_text(text) == shown


def test_a_sentence_tells_no_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: "alices-board.example.org")
    assert shareable_text("alices-board does not answer") == "HOST does not answer"
    assert shareable_text("no alices-board.example.org here") == "no HOST here"
    monkeypatch.setattr(platform, "node", lambda: "localhost")
    assert shareable_text("localhost does not answer") == "localhost does not answer"


def test_the_working_folder_is_a_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a checkout of somebody"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert shareable_text(f"no {folder}/models/m.gguf") == "no ./models/m.gguf"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (["--watts-command", "ssh me@board cat /sys/power"], ["--watts-command", "ssh …"]),
        (["--watts-command=/opt/me/read watts"], ["--watts-command=read …"]),
        (["--watts-command", "meter"], ["--watts-command", "meter"]),
        (["--claim", "hellaswag acc 59 /home/x/a.pdf"], ["--claim", "hellaswag acc 59 a.pdf"]),
        (["/a/b.gguf,/c/d.gguf"], ["d.gguf"]),
        (["x,/c/d.gguf"], ["x,d.gguf"]),
        (["owner/name@main:Q4_0", "a@b"], ["owner/name@main:Q4_0", "a@b"]),
    ],
)
def test_a_command_tells_no_folder(given: list[str], shown: list[str]) -> None:
    assert shlex.split(shareable_command(given)) == shown


def test_what_other_tools_wrote_tells_no_folder() -> None:
    values = {
        provenance.MATRIX_FILE: "/models_out/secret/im.gguf",
        provenance.MATRIX_DATASET: "/training_dir/calibration.txt",
    }
    found = provenance.imatrix_info(values.get)
    assert found is not None
    assert (found.file, found.dataset) == ("im.gguf", "calibration.txt")
    reason = "killed; see /home/me/core for more."
    failure = Failure.of("Q4_0", "m.gguf", doing="scoring", reason=reason)
    assert failure.reason == "killed; see core for more."


def test_no_record_of_a_whole_run_tells_whose_machine_it_was(
    tiny_checkpoint: Path, tiny_items: Path, tiny_matrix: Path, tmp_path: Path
) -> None:
    home = tmp_path / NAME
    work = home / "work"
    work.mkdir(parents=True)
    shutil.copytree(tiny_checkpoint, work / "tiny")
    for path in (tiny_items, tiny_matrix):
        shutil.copy(path, work)
    environment = {
        "HOME": str(home),
        "EDGEVAL_CACHE": str(home / "cache"),
        "USER": NAME,
        "LOGNAME": NAME,
    }
    # The kernels that were tried for the other tests serve here, too.
    if (tried := Path(os.environ["EDGEVAL_CACHE"]) / "kernels").is_dir():
        shutil.copytree(tried, home / "cache" / "kernels")

    def succeed(*arguments: str) -> str:
        given = [argument.replace("WORK", str(work)) for argument in arguments]
        result = edgeval(*given, cwd=work, **environment)
        assert result.returncode == 0, result.stderr
        return result.stdout

    shared = ["--data", f"WORK/{tiny_items.name}", "--store", "WORK/s.db", "--limit", "8"]
    matrix = ["--imatrix", f"WORK/{tiny_matrix.name}"]
    succeed("run", "WORK/tiny", "--quant", "F16,Q4_K_M", *matrix, *shared, "--out=WORK/out")
    tables = ["--csv", "WORK/l.csv", "--samples", "WORK/items.csv", "--texts"]
    gate = ["--fail-if", "drift>99", "--junit", "WORK/junit.xml", "--summary", "WORK/summary.md"]
    again = ["--out=WORK/gated", *tables, *gate]
    succeed("run", "WORK/tiny", "--quant", "F16,Q4_K_M", *matrix, *shared, *again)
    succeed("reference", "export", "1", "WORK/ref.npz", "--store", "WORK/s.db")
    succeed("runs", "export", "1", "WORK/run.json", "--store", "WORK/s.db")
    gguf = str(next((home / "cache").rglob("*-Q4_K_M-imatrix.gguf")))
    printed = {
        "eval": succeed("eval", gguf, *shared, "--samples", "WORK/samples.jsonl", "--json"),
        "compare": succeed("compare", "WORK/out", "WORK/out", "--json"),
        "inspect": succeed("inspect", gguf, "--json"),
        "reference": succeed("reference", "show", "WORK/ref.npz", "--json"),
        "runs": succeed("runs", "--json", "--store", "WORK/s.db"),
        "GGUF": Path(gguf).read_bytes().decode("latin-1"),
    }
    with zipfile.ZipFile(work / "ref.npz") as archive:
        for name in archive.namelist():
            printed[name] = archive.read(name).decode("latin-1")
    files = [*(work / "out").iterdir(), work / "run.json", work / "samples.jsonl", work / "s.db"]
    written = ("l.csv", "items.csv", "junit.xml", "summary.md", "gated/report.json")
    files += [work / name for name in written]
    assert {"report.json", "report.html", "report.md"} <= {path.name for path in files}
    printed |= {path.name: path.read_bytes().decode("latin-1") for path in files}
    for name, content in printed.items():
        assert NAME not in content, name
        assert str(tmp_path) not in content, name
    command = json.loads((work / "out" / "report.json").read_text(encoding="utf-8"))["command"]
    assert command == (
        f"edgeval run tiny --quant F16,Q4_K_M --imatrix {tiny_matrix.name} "
        f"--data {tiny_items.name} --store s.db --limit 8 --out=out"
    )
    found = compare([work / "out", work / "out" / "report.json"])
    assert [machine.file for machine in found.machines] == ["out", "report.json"]
