"""Times one case of `networks.py` in one of the peers; prints one JSON line per way of computing it.

Usage: python networks_bench.py {torch,compile,openvino,onnxruntime} CASE [--threads 2] [--seconds 8]

PyTorch computes channels last, in float32 and (steps alone) with bfloat16 autocast. OpenVINO computes in float32 (which is
not its default where the processor has bfloat16). Each is given the whole batch at once and again in parts of 4, and each
line has the least and the median time of as many calls as fit, and the peak of this process's memory.
"""
import argparse
import json
import resource
import statistics
import tempfile
import time

import torch

from networks import CASES, Network


def report(peer: str, case: str, times: list[tuple[float, float]], images: int) -> None:
    seconds, computed = zip(*times)
    median = statistics.median(seconds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"peer": peer, "case": case, "min_ms": round(min(seconds) * 1e3, 2), "median_ms": round(median * 1e3, 2),
                      "cpu_ms": round(min(computed) * 1e3, 2), "images_per_s": round(images / median), "peak_mb": round(peak)}), flush=True)


def timed(call, seconds: float) -> list[tuple[float, float]]:
    """The times of at least three and at most 40 calls behind two that warm up, and what was computed in each, waiting
    threads that spin included."""
    call(), call()
    times, start = [], time.perf_counter()
    while len(times) < 3 or (time.perf_counter() - start < seconds and len(times) < 40):
        before, computed = time.perf_counter(), time.process_time()
        call()
        times.append((time.perf_counter() - before, time.process_time() - computed))
    return times


def steps(case: str, compiled: bool, seconds: float) -> None:
    name, side, batch, _ = CASES[case]
    x = (torch.rand(batch, 3, side, side) * 255).to(memory_format=torch.channels_last)
    labels = torch.arange(batch) % 10
    same = (labels[:, None] == labels[None, :]).float()
    for precision in (torch.float32, torch.bfloat16):
        net = Network(name).to(memory_format=torch.channels_last).train()
        run = torch.compile(net) if compiled else net
        optimizer = torch.optim.Adam(net.parameters(), lr=0.002)

        def step() -> None:
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
                e = run(x)
            e = e.float()
            ((e @ e.T - same) ** 2).mean().backward()
            optimizer.step()

        kind = ("compile" if compiled else "eager") + ("" if precision == torch.float32 else " bf16")
        report(f"torch {torch.__version__} {kind}", case, timed(step, seconds), batch)


def vectors(peer: str, case: str, threads: int, seconds: float) -> None:
    name, side, batch, _ = CASES[case]
    net = Network(name).eval()
    for at_once in (batch, 4):
        x = torch.rand(at_once, 3, side, side) * 255
        label, call = runner(peer, net, x, threads)
        calls = batch // at_once
        report(f"{label}{'' if at_once == batch else ', by 4'}", case, timed(lambda: [call() for _ in range(calls)], seconds), batch)


def runner(peer: str, net: torch.nn.Module, x: torch.Tensor, threads: int):
    """The peer's name and version, and a call that computes the vectors of `x`."""
    if peer in ("torch", "compile"):
        net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
        run = torch.compile(net) if peer == "compile" else net

        def call():
            with torch.inference_mode():
                return run(x)

        return f"torch {torch.__version__} {'eager' if peer == 'torch' else peer}", call
    if peer == "openvino":
        import openvino
        model = openvino.convert_model(net, example_input=x)
        model.reshape(list(x.shape))
        options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1}
        request = openvino.Core().compile_model(model, "CPU", options).create_infer_request()
        values = x.numpy()
        return f"openvino {openvino.__version__.split('-')[0]} f32", lambda: request.infer([values])
    import onnxruntime
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        torch.onnx.export(net, (x,), file.name, input_names=["x"], output_names=["y"], dynamo=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(file.name, options, providers=["CPUExecutionProvider"])
    values = {"x": x.numpy()}
    return f"onnxruntime {onnxruntime.__version__}", lambda: session.run(None, values)


def main() -> None:
    args = argparse.ArgumentParser()
    args.add_argument("peer", choices=["torch", "compile", "openvino", "onnxruntime"])
    args.add_argument("case", choices=list(CASES))
    args.add_argument("--threads", type=int, default=2)
    args.add_argument("--seconds", type=float, default=8.0)
    args = args.parse_args()
    torch.set_num_threads(args.threads)
    if CASES[args.case][3]:
        if args.peer in ("torch", "compile"):
            steps(args.case, args.peer == "compile", args.seconds)
    else:
        vectors(args.peer, args.case, args.threads, args.seconds)


if __name__ == "__main__":
    main()
