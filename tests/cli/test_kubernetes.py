#!/usr/bin/python3
"""analysis/kubernetes: do the manifests' commands, run here as a cluster would run them, come to
the sweep's file? What needs a cluster, image, volume and scheduling, is not tested.
"""

import os
import re
import subprocess
from pathlib import Path

import yaml

from tandem_cli import ENVIRONMENT, ROOT, TandemTest, main

FOLDER = ROOT / "analysis" / "kubernetes"
SWEEP = ROOT / "configs" / "sweeps" / "70b-engine.yaml"
SHARES = 3


def manifest(name):
    return yaml.safe_load((FOLDER / name).read_text())


def pod_of(job):
    return job["spec"]["template"]["spec"]


def container_of(job):
    container, = pod_of(job)["containers"]
    return container


def variables_of(job):
    """The container's own variables as the kubelet sets them; of resources, the limit."""
    container = container_of(job)
    variables = {}
    for entry in container["env"]:
        if "value" in entry:
            variables[entry["name"]] = entry["value"]
        else:
            resource = entry["valueFrom"]["resourceFieldRef"]["resource"].removeprefix("limits.")
            variables[entry["name"]] = container["resources"]["limits"][resource]
    return variables


class Kubernetes(TandemTest):
    def setUp(self):
        super().setUp()
        programs = self.folder / "bin"
        programs.mkdir()
        (programs / "tandem").symlink_to(self.program)
        self.path = f"{programs}:{os.environ.get('PATH', os.defpath)}"
        self.results = self.folder / "results"
        self.results.mkdir()

    def run_pod(self, job, **variables):
        """Runs the container's command in the results' folder."""
        container = container_of(job)
        done = subprocess.run(container["command"] + container["args"], cwd=self.results,
                              env=dict(ENVIRONMENT, PATH=self.path, **variables_of(job) | variables),
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_manifests_agree(self):
        # Expect two jobs of the batch API: the sweep's has as many completions as its variable
        # says shares, the other joins as many, and both work in the volume that both mount, with
        # strings for values, as Kubernetes demands.
        jobs = manifest("sweep.yaml"), manifest("merge.yaml")
        for job in jobs:
            self.assertEqual((job["apiVersion"], job["kind"]), ("batch/v1", "Job"))
            container = container_of(job)
            for value in variables_of(job).values():
                self.assertIsInstance(value, str)
            mount, = container["volumeMounts"]
            volume, = pod_of(job)["volumes"]
            self.assertEqual(mount["mountPath"], container["workingDir"])
            self.assertEqual(mount["name"], volume["name"])
        sweep, merge = jobs
        self.assertEqual(sweep["spec"]["completionMode"], "Indexed")
        self.assertEqual(str(sweep["spec"]["completions"]), variables_of(sweep)["SHARES"])
        for name in ("SHARES", "OUT"):
            self.assertEqual(variables_of(sweep)[name], variables_of(merge)[name])
        for key in ("image", "workingDir"):
            self.assertEqual(container_of(sweep)[key], container_of(merge)[key])
        self.assertEqual(pod_of(sweep)["volumes"], pod_of(merge)["volumes"])

    def test_the_sweep_is_shipped(self):
        # Expect the sweep that the manifest names to be one that every installation has.
        name = variables_of(manifest("sweep.yaml"))["SWEEP"]
        self.assertTrue(Path(f"{ROOT}/configs/{name}.yaml").exists(), name)

    def test_the_image_has_the_libraries(self):
        # Expect the image's last stage to install the packages of all libraries that the program
        # is linked with, but for the C library and what a sanitizer adds.
        stage = (FOLDER / "Dockerfile").read_text().rpartition("FROM ")[2]
        dynamic = subprocess.run(["readelf", "-d", self.program], check=True, capture_output=True,
                                 text=True).stdout
        for library in re.findall(r"NEEDED.*\[(.*)\]", dynamic):
            if library.startswith(("libc.", "libm.", "libasan.", "libubsan.")):
                continue
            owner = subprocess.run(["dpkg-query", "-S", f"*/{library}"], check=True,
                                   capture_output=True, text=True).stdout
            self.assertIn(f" {re.split('[:,]', owner)[0]} ", stage.replace("\n", " "), library)

    def test_pods_write_the_whole(self):
        # Expect pods 0 to 2, in any order, and one that is started again, to write three shares,
        # and the second job to join them into the file of one `tandem sweep`, to the byte.
        whole = self.folder / "whole.h5"
        self.tandem_ok("sweep", SWEEP, "-o", whole)
        shares = {"SHARES": str(SHARES), "OUT": "out"}
        for index in (2, 0, 1, 0):
            self.run_pod(manifest("sweep.yaml"), SWEEP=str(SWEEP),
                         JOB_COMPLETION_INDEX=str(index), **shares)
        self.assertEqual(len(list(self.results.glob("out-?-of-3.h5"))), SHARES)
        self.run_pod(manifest("merge.yaml"), **shares)
        self.assertEqual((self.results / "out.h5").read_bytes(), whole.read_bytes())


if __name__ == "__main__":
    main()
