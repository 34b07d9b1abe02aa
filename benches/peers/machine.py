"""The machine that something is measured on, as one JSON line: the first of a file in `benches/results`."""
import json
import os
import platform


def machine() -> dict:
    """The processor's name and vector instructions, where the system tells."""
    names, flags = [platform.machine()], []
    try:
        for line in open("/proc/cpuinfo", encoding="utf-8"):
            key, _, value = line.partition(":")
            names += [value.strip()] if key.strip() == "model name" else []
            flags = value.split() if key.strip() == "flags" else flags
    except OSError:
        pass
    return {"machine": names[-1], "cores": os.cpu_count(), "vectors": [flag for flag in flags if flag.startswith(("avx2", "avx512", "amx"))]}


if __name__ == "__main__":
    print(json.dumps(machine()))
