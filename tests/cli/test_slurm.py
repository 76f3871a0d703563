#!/usr/bin/python3
"""analysis/slurm: does a sweep that Slurm runs in shares come to the same file?

Starts a Slurm of its own, slurmctld and slurmd on this machine, with ports, files and
configuration in a scratch folder, so that one that is installed here is left alone. Skipped where
Slurm is not installed.
"""

import os
import shutil
import socket
import subprocess
import sys
import time

from tandem_cli import ENVIRONMENT, ROOT, TandemTest, free_port, main

SKIPPED = 77  # Meson's exit code for it
SWEEP = ROOT / "configs" / "sweeps" / "70b-engine.yaml"
SHARES = 3

# Nothing here needs cgroups, root, munge or a name server; the node has four cores by decree, and
# the scheduler does not wait for more to do.
CONFIGURATION = """
ClusterName=tandem
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0
SlurmdParameters=config_overrides
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=10 State=UP
"""


class Slurm(TandemTest):
    def setUp(self):
        super().setUp()
        self.environment = dict(
            ENVIRONMENT,
            SLURM_CONF=str(self.folder / "slurm.conf"),
            TANDEM=self.program,
            PATH=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin",
        )
        self.user = subprocess.check_output(["id", "-un"], text=True).strip()
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(
            folder=self.folder,
            host=socket.gethostname().split(".")[0],
            user=self.user,
            controller_port=free_port(),
            node_port=free_port(),
        ))
        # slurmd loads a cgroup plugin though nothing uses it; this one starts without cgroups too.
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
        for daemon in ("slurmctld", "slurmd"):
            self.start(daemon)
        self.wait_until("the node is idle", lambda: self.ask("sinfo", "-h", "-o", "%t") == "idle")

    def start(self, daemon):
        """A daemon that ends with the test, even where that is killed."""
        with (self.folder / f"{daemon}.log").open("w") as log:
            process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", daemon, "-D"],
                                       env=self.environment, stdin=subprocess.DEVNULL, stdout=log,
                                       stderr=log)
        self.addCleanup(self.stop, process)

    @staticmethod
    def stop(process):
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def ask(self, *command):
        """What a client of Slurm's prints; what it says of an error, where it fails."""
        done = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True,
                              text=True, timeout=60)
        return done.stdout.strip() if done.returncode == 0 else done.stderr

    def logs(self):
        return "\n".join(f"== {path.name}\n{path.read_text(errors='replace')}"
                         for path in sorted(self.folder.glob("*.log")))

    def wait_until(self, what, is_so, timeout_s=120):
        deadline = time.monotonic() + timeout_s
        while not is_so():
            if time.monotonic() > deadline:
                self.fail(f"not in {timeout_s} s: {what}\n{self.ask('squeue')}\n{self.logs()}")
            time.sleep(0.2)

    def submit(self, sweep):
        """Submits a sweep and waits for its jobs to end."""
        done = subprocess.run(
            [ROOT / "analysis/slurm/submit.sh", sweep, "out.h5", str(SHARES), "--cpus-per-task=2"],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        try:
            self.wait_until("no jobs are left", lambda: self.ask("squeue", "-h") == "")
        finally:
            self.ask("scancel", "--user", self.user)
        return done.stdout

    def test_shares_join_into_the_whole(self):
        # Expect three tasks to write three shares, and the job that waits for them to join them
        # into the file that one `tandem sweep` writes, to the byte.
        whole = self.folder / "whole.h5"
        self.tandem_ok("sweep", SWEEP, "-o", whole)
        self.assertRegex(self.submit(SWEEP), r"^shares: job \d+, tasks 1 to 3; out.h5: job \d+$")
        self.assertTrue((self.folder / "out.h5").exists(), self.logs())
        self.assertEqual((self.folder / "out.h5").read_bytes(), whole.read_bytes())
        shares = sorted(path.name for path in self.folder.glob("out-*.h5"))
        self.assertEqual(shares, [f"out-{k}-of-3.h5" for k in (1, 2, 3)])

    def test_a_share_that_fails_joins_nothing(self):
        # Expect a sweep that no task can run to leave no file, no job that waits for ever, and
        # the reason in the tasks' logs.
        sweep = self.folder / "wrong.yaml"
        sweep.write_text("scenario: scenarios/default\ngrid: {run.sed: [1]}\n")
        self.submit(sweep)
        self.assertFalse((self.folder / "out.h5").exists())
        logs = [path.read_text() for path in self.folder.glob("tandem-sweep-*.log")]
        self.assertEqual(len(logs), SHARES)
        for log in logs:
            self.assertIn("did you mean 'seed'?", log)


if __name__ == "__main__":
    if not all(shutil.which(daemon, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
               for daemon in ("slurmctld", "slurmd", "sbatch")):
        print("skipped: Slurm is not installed (slurmctld, slurmd, slurm-client)")
        sys.exit(SKIPPED)
    main()
