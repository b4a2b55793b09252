/* Calls the kernels of peers from C, so that what Python costs a call is not in
 * the time. Every burst compares one query with groups of rows and returns the
 * nanoseconds that all of them took. A group is GROUP rows: adjacent ones, of
 * which at[] has the first of each group, or the GROUP next ones of at[]. */
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum { GROUP = 64 };

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

static size_t row(const uint32_t *at, int scattered, size_t group, size_t i) {
	return scattered ? at[group * GROUP + i] : at[group] + i;
}

/* A function of one pair: a, b, elements, where to store. */
typedef void (*pair)(const void *, const void *, size_t, void *);

double burst_pair(pair f, const void *q, const char *rows, size_t size, size_t dim, const uint32_t *at, size_t groups,
                  int scattered, size_t repeats, char *out, size_t result) {
	double began = now();
	for (size_t r = 0; r < repeats; r++)
		for (size_t g = 0; g < groups; g++)
			for (size_t i = 0; i < GROUP; i++)
				f(q, rows + row(at, scattered, g, i) * size, dim, out + i * result);
	return now() - began;
}

/* A function of one pair that returns the result. */
typedef float (*returns)(const float *, const float *, size_t);

double burst_returns(returns f, const float *q, const char *rows, size_t size, size_t dim, const uint32_t *at,
                     size_t groups, int scattered, size_t repeats, float *out) {
	double began = now();
	for (size_t r = 0; r < repeats; r++)
		for (size_t g = 0; g < groups; g++)
			for (size_t i = 0; i < GROUP; i++)
				out[i] = f(q, (const float *)(rows + row(at, scattered, g, i) * size), dim);
	return now() - began;
}

/* A function of adjacent rows of float32. */
typedef void (*many)(float *, const float *, const float *, size_t, size_t);

double burst_many(many f, const float *q, const char *rows, size_t size, size_t dim, const uint32_t *at, size_t groups,
                  size_t repeats, float *out) {
	double began = now();
	for (size_t r = 0; r < repeats; r++)
		for (size_t g = 0; g < groups; g++)
			f(out, q, (const float *)(rows + at[g] * size), dim, GROUP);
	return now() - began;
}

/* Hamming distances of adjacent rows. */
typedef void (*hammings)(const uint8_t *, const uint8_t *, size_t, size_t, size_t, int32_t *);

double burst_hammings(hammings f, const uint8_t *q, const uint8_t *rows, size_t size, const uint32_t *at, size_t groups,
                      size_t repeats, int32_t *out) {
	double began = now();
	for (size_t r = 0; r < repeats; r++)
		for (size_t g = 0; g < groups; g++)
			f(q, rows + at[g] * size, 1, GROUP, size, out);
	return now() - began;
}

/* A C++ object whose table of virtual functions has, at place 1, the distance of
 * row i and, at place 2, those of four rows (faiss::DistanceComputer). */
typedef float (*one)(void *, int64_t);
typedef void (*four)(void *, int64_t, int64_t, int64_t, int64_t, float *, float *, float *, float *);

double burst_object(void *object, int by_four, const uint32_t *at, size_t groups, int scattered, size_t repeats,
                    float *out) {
	void **table = *(void ***)object;
	one f1 = (one)table[1];
	four f4 = (four)table[2];
	double began = now();
	for (size_t r = 0; r < repeats; r++)
		for (size_t g = 0; g < groups; g++)
			if (by_four)
				for (size_t i = 0; i < GROUP; i += 4)
					f4(object, (int64_t)row(at, scattered, g, i), (int64_t)row(at, scattered, g, i + 1),
					   (int64_t)row(at, scattered, g, i + 2), (int64_t)row(at, scattered, g, i + 3), out + i,
					   out + i + 1, out + i + 2, out + i + 3);
			else
				for (size_t i = 0; i < GROUP; i++)
					out[i] = f1(object, (int64_t)row(at, scattered, g, i));
	return now() - began;
}
