// hnswlib behind a C interface, as its Python binding calls Python for each row
// that a filter is asked about. Here the filter is a set of bits.
#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <thread>
#include <vector>

#include "hnswlib/hnswlib.h"

namespace {

struct Skip : hnswlib::BaseFilterFunctor {
    const uint64_t *words = nullptr;
    bool operator()(hnswlib::labeltype row) override { return !(words[row / 64] >> (row % 64) & 1); }
};

struct Index {
    std::unique_ptr<hnswlib::SpaceInterface<float>> space;
    std::unique_ptr<hnswlib::HierarchicalNSW<float>> graph;
    size_t dim;
};

}  // namespace

extern "C" {

// A graph over rows of dim floats, row-major; l2 or the inner product. Null when
// it cannot be made.
Index *filter_build(const float *rows, size_t count, size_t dim, int l2, size_t m, size_t construction, int threads) {
    try {
        auto x = std::make_unique<Index>();
        x->dim = dim;
        if (l2) {
            x->space = std::make_unique<hnswlib::L2Space>(dim);
        } else {
            x->space = std::make_unique<hnswlib::InnerProductSpace>(dim);
        }
        x->graph = std::make_unique<hnswlib::HierarchicalNSW<float>>(x->space.get(), count, m, construction, 1);
        x->graph->addPoint(rows, 0);
        std::atomic<size_t> next{1};
        std::vector<std::thread> all;
        for (int t = 0; t < threads; t++) {
            all.emplace_back([&] {
                for (size_t i; (i = next++) < count;) x->graph->addPoint(rows + i * dim, i);
            });
        }
        for (auto &t : all) t.join();
        return x.release();
    } catch (const std::exception &) {
        return nullptr;
    }
}

size_t filter_bytes(Index *x) { return x->graph->indexFileSize(); }

// Answers count queries, one after the other: ids has k a query, nearest first and
// -1 behind them. skip[i] are the rows that may not answer query i, a bit each.
void filter_search(Index *x, const float *queries, size_t count, size_t ef, size_t k, const uint64_t *const *skip,
                   int64_t *ids) {
    Skip filter;
    x->graph->setEf(ef);
    for (size_t q = 0; q < count; q++) {
        filter.words = skip[q];
        auto found = x->graph->searchKnn(queries + q * x->dim, k, skip[q] ? &filter : nullptr);
        for (size_t i = 0; i < k; i++) ids[q * k + i] = -1;
        while (!found.empty()) {
            ids[q * k + found.size() - 1] = found.top().second;
            found.pop();
        }
    }
}

void filter_free(Index *x) { delete x; }

}
