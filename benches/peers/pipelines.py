"""The chain of benches/store/chain.rs under make, DVC, Snakemake and simpipe, measured in alternating rounds.

Every stage is the same work: read the file before it, drop as many bytes at its head as the parameter is long, append
the parameter. The peers start a shell for it, which is what they do for any stage; the same shell commands in a plain
loop are subtracted, so "overhead" is what the runner adds. Peak memory is that of the largest process (wait4).
"""

import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import time

STAGES = 8
BYTES = 1_000_000


def command(at, text, out="s{}.bin"):
    """The shell command of a stage."""
    target = out.format(at)
    if at == 0:
        return f"(head -c {BYTES - len(text)} /dev/zero; printf %s {text}) > {target}"
    return f"(tail -c +{len(text) + 1} {out.format(at - 1)}; printf %s {text}) > {target}"


def spawn(args, cwd, **env):
    """Runs a program to its end: seconds and the peak of its memory in MB."""
    os.sync()  # what others have written must not be waited for by the one runner that syncs
    quiet = os.open(os.devnull, os.O_RDWR)
    began = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os.chdir(cwd)
        for number in range(3):
            os.dup2(quiet, number)
        os.execvpe(args[0], args, {**os.environ, **env})
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - began
    os.close(quiet)
    if status != 0:
        raise SystemExit(f"{args} failed in {cwd}")
    return seconds, usage.ru_maxrss / 1024


class Shell:
    """No runner: the commands in a row."""

    name = "plain shell"

    def configure(self, folder, last):
        texts = ["a"] * (STAGES - 1) + [last]
        (folder / "run.sh").write_text("\n".join(command(at, text) for at, text in enumerate(texts)) + "\n")

    def clean(self, folder):
        pass

    def run(self, folder):
        return spawn(["sh", "run.sh"], folder)


class Make(Shell):
    name = "make"

    def configure(self, folder, last):
        rules = [f"all: s{STAGES - 1}.bin"]
        for at in range(STAGES):
            text = last if at + 1 == STAGES else "a"
            parameter = folder / f"p{at}"
            if not parameter.exists() or parameter.read_text() != text:
                parameter.write_text(text)
            before = f" s{at - 1}.bin" if at else ""
            rules.append(f"s{at}.bin: p{at}{before}\n\t{command(at, text)}")
        (folder / "Makefile").write_text("\n".join(rules) + "\n")

    def clean(self, folder):
        for path in folder.glob("s*.bin"):
            path.unlink()

    def run(self, folder):
        return spawn(["make", "-j2"], folder)


class Dvc(Shell):
    name = "DVC"

    def configure(self, folder, last):
        if not (folder / ".dvc").exists():
            spawn(["dvc", "init", "--no-scm", "-q"], folder, DVC_NO_ANALYTICS="1")
        stages, parameters = ["stages:"], []
        for at in range(STAGES):
            text = last if at + 1 == STAGES else "a"
            parameters.append(f"p{at}: {text}")
            run = command(at, f"${{p{at}}}").replace(str(BYTES - len(f"${{p{at}}}")), str(BYTES - len(text)))
            run = run.replace(f"+{len(f'${{p{at}}}') + 1} ", f"+{len(text) + 1} ")
            deps = f"    deps: [s{at - 1}.bin]\n" if at else ""
            stages.append(f"  s{at}:\n    cmd: {run}\n{deps}    params: [p{at}]\n    outs: [s{at}.bin]")
        (folder / "dvc.yaml").write_text("\n".join(stages) + "\n")
        (folder / "params.yaml").write_text("\n".join(parameters) + "\n")

    def clean(self, folder):
        for path in folder.glob("s*.bin"):
            path.unlink()
        (folder / "dvc.lock").unlink(missing_ok=True)
        for name in ("cache", "tmp"):
            shutil.rmtree(folder / ".dvc" / name, ignore_errors=True)

    def run(self, folder):
        return spawn(["dvc", "repro", "-q"], folder, DVC_NO_ANALYTICS="1")


class Snakemake(Shell):
    name = "Snakemake"

    def configure(self, folder, last):
        rules = [f"rule all:\n    input: 's{STAGES - 1}.bin'"]
        for at in range(STAGES):
            text = last if at + 1 == STAGES else "a"
            before = f"    input: 's{at - 1}.bin'\n" if at else ""
            rules.append(
                f"rule s{at}:\n{before}    output: 's{at}.bin'\n    params: '{text}'\n"
                f"    shell: {command(at, text)!r}"
            )
        (folder / "Snakefile").write_text("\n".join(rules) + "\n")

    def clean(self, folder):
        for path in folder.glob("s*.bin"):
            path.unlink()
        shutil.rmtree(folder / ".snakemake", ignore_errors=True)

    def run(self, folder):
        return spawn(["snakemake", "--cores", "2", "--quiet", "all"], folder)


class Simpipe(Shell):
    name = "simpipe"

    def __init__(self, program):
        self.program = os.path.abspath(program)

    def configure(self, folder, last):
        head = "format = 1\n"
        template, config = head, f'pipeline = "chain"\nname = "chain"\ndescription = "a chain"\nseed = 1\n'
        for at in range(STAGES):
            inputs = f'inputs = {{ a = "s{at - 1}" }}' if at else "first = true"
            template += f'\n[stages.s{at}]\nstage = "link"\n{inputs}\n'
            config += f'\n[s{at}]\ntext = "{last if at + 1 == STAGES else "a"}"\n'
        for name, text in (("pipelines", template), ("configs", config)):
            (folder / name).mkdir(exist_ok=True)
            (folder / name / "chain.toml").write_text(text)

    def clean(self, folder):
        shutil.rmtree(folder / "artifacts", ignore_errors=True)

    def run(self, folder):
        return spawn([self.program], folder, CHAIN=str(folder))


def measure(runner, folder, number):
    """One round: everything, nothing, one parameter."""
    runner.clean(folder)
    runner.configure(folder, f"a{number}x")
    full, _ = runner.run(folder)
    time.sleep(0.2)
    nothing, memory = min(runner.run(folder) for _ in range(3))
    runner.configure(folder, f"a{number}y")
    change, _ = runner.run(folder)
    return full, nothing, change, memory


def main():
    program, rounds = sys.argv[1], int(sys.argv[2])
    runners = [Shell(), Make(), Dvc(), Snakemake(), Simpipe(program)]
    measured = {runner.name: [] for runner in runners}
    with tempfile.TemporaryDirectory(dir="target") as home:
        folders = {runner.name: pathlib.Path(home, runner.name.replace(" ", "-")).resolve() for runner in runners}
        for folder in folders.values():
            folder.mkdir()
        for number in range(rounds):
            for runner in runners:
                measured[runner.name].append(measure(runner, folders[runner.name], number))
    bare = statistics.median(row[0] for row in measured["plain shell"])
    print(f"{STAGES} stages of 1 MB, {rounds} rounds, least / median in ms; the bare work takes {bare * 1e3:.0f} ms")
    print("| | nothing to do | overhead a stage | one parameter changed | memory, nothing to do |")
    print("|---|---|---|---|---|")
    for runner in runners[1:]:
        rows = measured[runner.name]
        # simpipe's stages work in its own process, without a shell to subtract.
        work = 0.0 if runner.name == "simpipe" else bare
        both = lambda values: f"{min(values) * 1e3:.1f} / {statistics.median(values) * 1e3:.1f}"
        overhead = [(row[0] - work) / STAGES for row in rows]
        memory = statistics.median(row[3] for row in rows)
        print(
            f"| {runner.name} | {both([row[1] for row in rows])} | {both(overhead)} "
            f"| {both([row[2] for row in rows])} | {memory:.0f} MB |"
        )


main()
