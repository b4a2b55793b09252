// hnswlib's index growing while it is searched, behind a C interface. Its search
// reads lists without a lock while others write them, which its authors do not
// promise to work; it does here.
#include <time.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <thread>
#include <vector>

#include "hnswlib/hnswlib.h"

namespace {

double seconds(clockid_t clock) {
    timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

}  // namespace

// Adds count rows of dim floats with that many threads, step rows after step rows
// as add_items does, while one more thread searches, if ef is not 0. Sets out to
// the wall seconds, the CPU seconds of adding and of searching, and the number of
// searches. Returns 0, or 1 when it fails.
extern "C" int live_grow(const float *rows, size_t count, size_t dim, int l2, size_t m, size_t construction,
                         int threads, size_t step, const float *queries, size_t asked, size_t ef, size_t k,
                         double *out) {
    try {
        std::unique_ptr<hnswlib::SpaceInterface<float>> space;
        if (l2) {
            space = std::make_unique<hnswlib::L2Space>(dim);
        } else {
            space = std::make_unique<hnswlib::InnerProductSpace>(dim);
        }
        hnswlib::HierarchicalNSW<float> graph(space.get(), count, m, construction, 1);
        graph.addPoint(rows, 0);
        std::atomic<bool> end{false};
        double searching = 0;
        size_t searches = 0;
        std::thread searcher;
        if (ef) {
            graph.setEf(ef);
            searcher = std::thread([&] {
                for (; !end; searches++) graph.searchKnn(queries + searches % asked * dim, k);
                searching = seconds(CLOCK_THREAD_CPUTIME_ID);
            });
        }
        const double wall = seconds(CLOCK_MONOTONIC);
        std::vector<double> spent(threads, 0);
        for (size_t from = 1; from < count; from += step) {
            const size_t to = std::min(from + step, count);
            std::atomic<size_t> next{from};
            auto work = [&](int t) {
                const double began = seconds(CLOCK_THREAD_CPUTIME_ID);
                for (size_t i; (i = next++) < to;) graph.addPoint(rows + i * dim, i);
                spent[t] += seconds(CLOCK_THREAD_CPUTIME_ID) - began;
            };
            std::vector<std::thread> others;
            for (int t = 1; t < threads; t++) others.emplace_back(work, t);
            work(0);
            for (auto &t : others) t.join();
        }
        out[0] = seconds(CLOCK_MONOTONIC) - wall;
        end = true;
        if (ef) searcher.join();
        out[1] = 0;
        for (double s : spent) out[1] += s;
        out[2] = searching;
        out[3] = searches;
        return 0;
    } catch (const std::exception &) {
        return 1;
    }
}
