"""The peers of the index benchmark: faiss, hnswlib, usearch, each with the setting that answers most queries at the wanted recall.

Arguments: one JSON object {items, queries, width, k, recall, cache}. Prints one JSON line per peer once its best setting is known; then, for
each line `measure PEER` on standard input, one JSON line with the seconds per query, the better of one call per query and one call for all.
"""
import json
import os
import sys
import time

import faiss
import hnswlib
import numpy as np
from usearch.index import Index

config = json.loads(sys.argv[1])
width, k, wanted_recall, cache = config["width"], config["k"], config["recall"], config["cache"]
items = np.fromfile(config["items"], dtype="<f4").reshape(-1, width)
queries = np.fromfile(config["queries"], dtype="<f4").reshape(-1, width)
build_threads = os.cpu_count() or 1
# Timed in full when measured; a part is enough to choose a setting.
tuning_queries = queries[:300]


def exact(some):
    """The k best items of each query, in no order."""
    return [set(np.argpartition(-(items @ query), k)[:k].tolist()) for query in some]


truth = exact(tuning_queries)


def recall_of(found):
    return float(np.mean([len(best.intersection(row.tolist())) / k for best, row in zip(truth, found)]))


def seconds_per_query(search, some):
    started = time.perf_counter()
    search(some)
    batch = (time.perf_counter() - started) / len(some)
    started = time.perf_counter()
    for i in range(len(some)):
        search(some[i : i + 1])
    single = (time.perf_counter() - started) / len(some)
    return batch, single


def smallest_effort(search_with, low, high):
    """The smallest integer effort (within 3 %) that reaches the wanted recall, or None."""
    if recall_of(search_with(high)(tuning_queries)) < wanted_recall:
        return None
    if recall_of(search_with(low)(tuning_queries)) >= wanted_recall:
        return low
    while high - low > max(1, low // 33):
        middle = (low + high) // 2
        if recall_of(search_with(middle)(tuning_queries)) >= wanted_recall:
            high = middle
        else:
            low = middle
    return high


def cached(name, build, load, save):
    path = os.path.join(cache, name)
    if os.path.exists(path):
        return load(path)
    index = build()
    # Renamed when whole, so that a run that was stopped leaves no half index behind.
    save(index, path + ".part")
    os.replace(path + ".part", path)
    return index


def faiss_settings():
    """Every (name, search_with, lowest effort, highest effort); the effort is the number of lists probed."""
    root = np.sqrt(len(items))
    # Half and four times as many lists were no faster at 41,000 and 100,000 items, nor was re-ranking by float32 instead of float16.
    for list_count in (int(root), int(2 * root)):
        for spec in ("Flat", "SQ8", "PQ32x4fs,Refine(SQfp16)"):
            name = f"IVF{list_count},{spec}"
            index = cached(f"faiss-{name}.index".replace(",", "-"), lambda: built_faiss(name), faiss.read_index, faiss.write_index)
            for factor in (1.5, 1.75, 2.0, 3.0) if "," in spec else (None,):
                yield f"{name}{f' k_factor {factor}' if factor else ''}", faiss_search(index, factor), 1, max(2, list_count // 2)


def built_faiss(name):
    faiss.omp_set_num_threads(build_threads)
    index = faiss.index_factory(width, name, faiss.METRIC_INNER_PRODUCT)
    index.train(items[np.random.default_rng(1).permutation(len(items))[:262_144]])
    index.add(items)
    return index


def faiss_search(index, factor):
    def search_with(probe_count):
        def search(some):
            faiss.omp_set_num_threads(1)
            if factor:
                index.k_factor = factor
                faiss.downcast_index(index.base_index).nprobe = probe_count
            else:
                index.nprobe = probe_count
            return index.search(some, k)[1]

        return search

    return search_with


# Graphs need a distance: one more coordinate makes the largest inner product the smallest distance (Bachrach et al., "Speeding up the Xbox
# recommender system using a Euclidean transformation for inner-product spaces", 2014). With the plain inner product neither graph came above a
# recall of 0.88 at any effort up to 10,000.
norms = np.square(items).sum(axis=1)
graph_items = np.ascontiguousarray(np.c_[items, np.sqrt(norms.max() - norms)], dtype=np.float32)
graph_width = width + 1


def with_zero(some):
    return np.c_[some, np.zeros(len(some), dtype=np.float32)]


# At a million items a graph takes minutes to build, so only one is: of the two, neither was ever 1.3 times as fast as the other.
connectivities = (16, 32) if len(items) < 500_000 else (16,)


def hnswlib_settings():
    for connectivity in connectivities:
        index = cached(f"hnswlib-{connectivity}.index", lambda: built_hnswlib(connectivity), loaded_hnswlib, lambda index, path: index.save_index(path))

        def search_with(effort, index=index):
            def search(some):
                index.set_ef(effort)
                return index.knn_query(with_zero(some), k, num_threads=1)[0]

            return search

        yield f"M {connectivity}, efConstruction 200, ef", search_with, k, 12 * k


def built_hnswlib(connectivity):
    index = hnswlib.Index("l2", graph_width)
    index.init_index(len(items), M=connectivity, ef_construction=200)
    index.add_items(graph_items, num_threads=build_threads)
    return index


def loaded_hnswlib(path):
    index = hnswlib.Index("l2", graph_width)
    index.load_index(path)
    return index


def usearch_settings():
    for connectivity in connectivities:
        index = cached(f"usearch-{connectivity}.index", lambda: built_usearch(connectivity), loaded_usearch, lambda index, path: index.save(path))

        def search_with(effort, index=index):
            def search(some):
                index.expansion_search = effort
                keys = index.search(with_zero(some), k, threads=1).keys
                return keys.reshape(len(some), -1)

            return search

        yield f"connectivity {connectivity}, expansion_add 200, expansion_search", search_with, k, 12 * k


def built_usearch(connectivity):
    index = Index(ndim=graph_width, metric="l2sq", dtype="f32", connectivity=connectivity, expansion_add=200)
    index.add(np.arange(len(items)), graph_items, threads=build_threads)
    return index


def loaded_usearch(path):
    return Index.restore(path)


def best_of(settings):
    best = None
    for name, search_with, low, high in settings():
        effort = smallest_effort(search_with, low, high)
        if effort is None:
            print(f"{name}: never reaches the recall", file=sys.stderr, flush=True)
            continue
        search = search_with(effort)
        batch, single = np.min([seconds_per_query(search, tuning_queries) for _ in range(3)], axis=0)
        print(f"{name} {effort}: {batch * 1e3:.3f} ms in a batch, {single * 1e3:.3f} ms alone", file=sys.stderr, flush=True)
        if best is None or min(batch, single) < best["seconds"]:
            best = {"setting": f"{name} {effort}", "search": search, "seconds": float(min(batch, single))}
            best |= {"recall": recall_of(search(tuning_queries)), "batchSeconds": float(batch), "singleSeconds": float(single)}
    return best


os.makedirs(cache, exist_ok=True)
peers = {}
for peer, settings in {"faiss": faiss_settings, "hnswlib": hnswlib_settings, "usearch": usearch_settings}.items():
    peers[peer] = best_of(settings)
    print(json.dumps({"peer": peer} | {name: value for name, value in (peers[peer] or {}).items() if name != "search"}), flush=True)
print(json.dumps({"ready": True}), flush=True)

for line in sys.stdin:
    peer = line.split()[1]
    print(json.dumps({"peer": peer, "seconds": min(seconds_per_query(peers[peer]["search"], queries))}), flush=True)
