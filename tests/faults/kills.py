"""Kill a run at random moments until it is done, and compare it with one that was left alone.

    python -m tests.faults.kills FOLDER --kills 30

Children are forked, so that a start costs nothing and every moment of a step is met. Prints one
line of JSON; the status is not zero if anything that must hold did not.
"""

import argparse
import json
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

from stgan.training import check_checkpoint, latest_checkpoint, list_checkpoints, load_state
from tests.faults import loop
from tests.faults.shell import different


def _child(arguments: list[str]) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - until the process ends
        loop.main(arguments)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--longest", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw = random.Random(options.seed)
    report = {"kills": 0, "early": 0, "in_save": 0, "worker_runs": 0, "steps": 0, "done": 0}
    killed, alone = options.folder / "killed", options.folder / "alone"
    checkpoints = killed / "checkpoints"
    reached = 0
    # Imports that are made when first needed; children then begin with their first step.
    loop.main([str(options.folder / "warm"), "--steps", "1", "--global-draws"])
    while report["kills"] < options.kills:
        # Later runs read in a worker process too, which the kill leaves behind.
        workers = int(report["kills"] % 5 == 4)
        arguments = [str(killed), "--steps", "100000", "--global-draws", "--resume"]
        pid = _child([*arguments, "--workers", str(workers)])
        time.sleep(draw.uniform(0.02, options.longest))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        assert os.WIFSIGNALED(status), f"the run ended by itself with status {status}"
        report["kills"] += 1
        report["worker_runs"] += workers
        if not checkpoints.is_dir() or not any(checkpoints.glob("step_*")):
            report["early"] += 1
            assert reached == 0, f"no checkpoint is left of step {reached}"
            continue
        report["in_save"] += any(path.name[0] == "." for path in checkpoints.iterdir())
        for path in list_checkpoints(checkpoints):
            check_checkpoint(path)
        now = load_state(latest_checkpoint(checkpoints))["step"]
        assert now >= reached, f"step {reached} was there before the kill, now {now} is the newest"
        reached = now
    report["steps"] = reached
    for folder, extra in ((killed, ["--resume"]), (alone, [])):
        arguments = [str(folder), "--steps", str(reached + 2), "--save-every", "1"]
        pid = _child([*arguments, "--global-draws", *extra])
        _, status = os.waitpid(pid, 0)
        assert status == 0, f"the last run failed with status {status}"
    left = [path.name for path in checkpoints.iterdir() if path.name[0] == "."]
    assert not left, f"leftovers {left}"
    wrong = different(killed, alone)
    assert not wrong, f"differs from the run that was left alone: {wrong}"
    report["done"] = 1
    print(json.dumps(report))


if __name__ == "__main__":
    main()
