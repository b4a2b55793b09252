"""faiss: graphs and inverted lists, float32 and codes, in C++."""

import faiss
import numpy


def instructions():
    """What the library was compiled for and has chosen."""
    options = " ".join(faiss.get_compile_options().split())
    level = getattr(getattr(faiss, "SIMDConfig", None), "get_level_name", None)
    return f"{level()} of {options}" if level else options


class Faiss:
    """What graphs and lists have in common. For COSINE the vectors are made unit vectors."""

    version = faiss.__version__
    isa = instructions()
    refine = False

    def load(self, base, query, metric):
        self.base, self.query = base, numpy.ascontiguousarray(query)
        self.metric = faiss.METRIC_L2 if metric == "L2" else faiss.METRIC_INNER_PRODUCT
        if metric == "COSINE":
            self.base = numpy.array(base)
            faiss.normalize_L2(self.base)
            faiss.normalize_L2(self.query)

    def build(self, params, threads):
        faiss.omp_set_num_threads(threads)
        self.index = None
        self.inner = self.make(params)
        if not self.inner.is_trained:
            self.inner.train(self.base)
        self.inner.add(self.base)
        self.index = self.inner
        if self.refine:
            # Takes the vectors as they are, and copies them.
            self.index = faiss.IndexRefineFlat(self.inner, faiss.swig_ptr(numpy.ascontiguousarray(self.base)))

    def bytes(self):
        """Of the inner index as written to a file, less the vectors that it holds."""
        size = 0

        def count(block):
            nonlocal size
            size += len(block)

        faiss.write_index(self.inner, faiss.PyCallbackIOWriter(count, 1 << 20))
        return size - (self.base.nbytes if self.exact else 0)

    def prepare(self, search, lo, hi, k, _threads):
        parameters = self.parameters(search)
        if self.refine:
            parameters = faiss.IndexRefineSearchParameters(k_factor=search["k_factor"], base_index_params=parameters)
        return self.query[lo:hi], k, parameters

    def ask(self, batch, threads):
        faiss.omp_set_num_threads(threads)
        queries, k, parameters = batch
        return self.index.search(queries, k, params=parameters)

    def ids(self, answer):
        return answer[1]


class Graph(Faiss):
    """HNSW over float32 vectors or over one byte for each element."""

    def __init__(self, codes, refine=False):
        self.exact, self.refine = not codes, refine

    def make(self, params):
        dim = self.base.shape[1]
        if self.exact:
            index = faiss.IndexHNSWFlat(dim, params["M"], self.metric)
        else:
            index = faiss.IndexHNSWSQ(dim, faiss.ScalarQuantizer.QT_8bit, params["M"], self.metric)
        index.hnsw.efConstruction = params["efConstruction"]
        return index

    def parameters(self, search):
        return faiss.SearchParametersHNSW(efSearch=search["ef"])


class Lists(Faiss):
    """Inverted lists of 4-bit product codes or of RaBitQ codes, read by the
    fast-scan kernels, with exact re-ranking of the best."""

    exact, refine = False, True

    def __init__(self, codes):
        self.codes = codes

    def make(self, params):
        dim, nlist = self.base.shape[1], params["nlist"]
        quantizer = faiss.IndexFlat(dim, self.metric)
        if self.codes == "pq":
            index = faiss.IndexIVFPQFastScan(quantizer, dim, nlist, params["pq_m"], 4, self.metric)
        else:
            index = faiss.IndexIVFRaBitQFastScan(quantizer, dim, nlist, self.metric, 32, True, params["bits"])
        self.quantizer = quantizer  # the index does not keep it
        return index

    def parameters(self, search):
        return faiss.SearchParametersIVF(nprobe=search["nprobe"])
