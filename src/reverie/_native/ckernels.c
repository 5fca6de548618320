/* Kernels for the operations of a gradient step that torch computes slowly on a CPU.
 *
 * Each output value is computed from the same inputs in the same order, however many threads share the rows, so that
 * results do not depend on the number of threads.
 * "planes" are contiguous (height, width) arrays of floats, one after the other (NCHW); "places" have the channels
 * innermost, (height, width, channels) (NHWC, torch's channels last).
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define FOR_EVERY_PROCESSOR __attribute__((target_clones("arch=skylake-avx512", "avx2", "default")))
#else
#define FOR_EVERY_PROCESSOR
#endif
#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT
#endif
#define INDEPENDENT _Pragma("omp simd") /* no iteration depends on another */
#define INLINE static inline __attribute__((always_inline))

typedef ptrdiff_t size;

/* Functions of the OpenMP library that torch loaded: its threads are awake already, and a second pool would compete
 * with it for the same cores. `run` is NULL where there is none; then the caller's thread does it all. */
typedef struct {
    void (*run)(void (*)(void *), void *, unsigned, unsigned);
    int (*number)(void);
    int (*count)(void);
    int threads;
} pool;

/* The range of rows [from, to) that this thread computes. */
INLINE void shared(const pool *pool, size rows, size *from, size *to) {
    size number = pool->run ? pool->number() : 0, count = pool->run ? pool->count() : 1;
    *from = rows * number / count;
    *to = rows * (number + 1) / count;
}

/* Defines NAME(job), which calls LINES(job, from, to) in every thread for its share of the job's ROWS rows. */
#define SHARED(NAME, JOB, ROWS, LINES)                                                                                \
    static void NAME##_part(void *data) {                                                                             \
        const JOB *job = data;                                                                                        \
        size from, to;                                                                                                \
        shared(&job->pool, ROWS, &from, &to);                                                                         \
        (LINES)(job, from, to);                                                                                       \
    }                                                                                                                 \
    EXPORT void NAME(JOB *job) {                                                                                      \
        if (job->pool.run) job->pool.run(NAME##_part, job, job->pool.threads, 0);                                     \
        else NAME##_part(job);                                                                                        \
    }

INLINE float as_float(uint32_t bits) { float value; memcpy(&value, &bits, 4); return value; }
INLINE uint32_t as_bits(float value) { uint32_t bits; memcpy(&bits, &value, 4); return bits; }
/* The float rounded to bfloat16, half to even, in the upper half of the bits. */
INLINE uint32_t rounded(float value) { uint32_t bits = as_bits(value); return bits + 0x7fff + ((bits >> 16) & 1); }

/* ---- max pooling 3x3, stride 2, channels last ----
 * The values follow a ReLU and are never negative, so their bits can be compared as integers. */

enum { NOWHERE = 9 }; /* the whole window is 0: the ReLU below passes no gradient there */

typedef struct {
    pool pool;
    const void *in;
    void *at, *out;
    size batch, height, width, rows, columns, channels, bytes;
} pooling;

#define MAX_POOL(NAME, T)                                                                                             \
    FOR_EVERY_PROCESSOR static void NAME(const pooling *job, size from, size to) {                                    \
        for (size row = from; row < to; row++) {                                                                      \
            size top = row / job->rows * job->height + row % job->rows * 2, c = job->channels, r = job->width * c;    \
            for (size column = 0; column < job->columns; column++) {                                                  \
                const T *restrict x = (const T *)job->in + (top * job->width + 2 * column) * c;                       \
                T *restrict out = (T *)job->out + (row * job->columns + column) * c;                                  \
                T *restrict at = (T *)job->at + (row * job->columns + column) * c;                                    \
                INDEPENDENT                                                                                           \
                for (size i = 0; i < c; i++) {                                                                        \
                    T most = x[i], place = 0;                                                                         \
                    TAKE(T, 1, c) TAKE(T, 2, 2 * c)                                                                   \
                    TAKE(T, 3, r) TAKE(T, 4, r + c) TAKE(T, 5, r + 2 * c)                                             \
                    TAKE(T, 6, 2 * r) TAKE(T, 7, 2 * r + c) TAKE(T, 8, 2 * r + 2 * c)                                 \
                    out[i] = most;                                                                                    \
                    at[i] = most > 0 ? place : NOWHERE;                                                               \
                }                                                                                                     \
            }                                                                                                         \
        }                                                                                                             \
    }
#define TAKE(T, k, offset) { T value = x[i + (offset)]; place = value > most ? k : place; most = value > most ? value : most; }
MAX_POOL(max_pool_16, int16_t)
MAX_POOL(max_pool_32, int32_t)

SHARED(max_pool, pooling, job->batch * job->rows, job->bytes == 2 ? max_pool_16 : max_pool_32)

/* One pooling window that covers an input position: the position gets the window's grad if it holds the maximum. */
typedef struct {
    const uint32_t *grad, *at;
    uint32_t place;
} window;

/* Two bfloat16 at a time, summed in float32. */
#define LOW(n) as_float((at##n[i] & 0xffff) == p##n ? g##n[i] << 16 : 0)
#define HIGH(n) as_float(at##n[i] >> 16 == p##n ? g##n[i] & 0xffff0000 : 0)
#define GATHER_16(SUM) out[i] = rounded(SUM(LOW)) >> 16 | (rounded(SUM(HIGH)) & 0xffff0000);
#define WHOLE(n) as_float(at##n[i] == p##n ? g##n[i] : 0)
#define GATHER_32(SUM) out[i] = as_bits(SUM(WHOLE));
#define ONE(OF) (OF(0))
#define TWO(OF) (OF(0) + OF(1))
#define FOUR(OF) ((OF(0) + OF(1)) + (OF(2) + OF(3)))

#define GATHERED(NAME, GATHER)                                                                                        \
    INLINE void NAME(uint32_t *restrict out, const window *of, int windows, size numbers) {                           \
        const uint32_t *restrict g0 = of[0].grad, *restrict g1 = of[1].grad, *restrict g2 = of[2].grad;               \
        const uint32_t *restrict at0 = of[0].at, *restrict at1 = of[1].at, *restrict at2 = of[2].at;                  \
        const uint32_t *restrict g3 = of[3].grad, *restrict at3 = of[3].at;                                           \
        uint32_t p0 = of[0].place, p1 = of[1].place, p2 = of[2].place, p3 = of[3].place;                              \
        if (windows == 4) { INDEPENDENT for (size i = 0; i < numbers; i++) { GATHER(FOUR) } }                         \
        else if (windows == 2) { INDEPENDENT for (size i = 0; i < numbers; i++) { GATHER(TWO) } }                     \
        else if (windows == 1) { INDEPENDENT for (size i = 0; i < numbers; i++) { GATHER(ONE) } }                     \
        else memset(out, 0, numbers * 4);                                                                             \
    }
GATHERED(gathered_16, GATHER_16)
GATHERED(gathered_32, GATHER_32)

#define MAX_POOL_BACKWARD(NAME, GATHERED)                                                                             \
    FOR_EVERY_PROCESSOR static void NAME(const pooling *job, size from, size to) {                                    \
        size numbers = job->channels * job->bytes / 4, width = job->width, rows = job->rows, columns = job->columns;  \
        const uint32_t *grad = job->in, *at = job->at;                                                                \
        uint32_t *out = (uint32_t *)job->out + from * width * numbers;                                                \
        for (size line = from; line < to; line++) {                                                                   \
            size first = line / job->height * rows, y = line % job->height;                                           \
            for (size x = 0; x < width; x++, out += numbers) {                                                        \
                window of[4] = {{grad, at, NOWHERE}, {grad, at, NOWHERE}, {grad, at, NOWHERE}, {grad, at, NOWHERE}};  \
                int windows = 0;                                                                                      \
                for (size row = y / 2; row >= 0 && 2 * row + 2 >= y; row--)                                           \
                    for (size column = x / 2; column >= 0 && 2 * column + 2 >= x; column--)                           \
                        if (row < rows && column < columns) {                                                         \
                            size where = ((first + row) * columns + column) * numbers;                                \
                            uint32_t place = (uint32_t)((y - 2 * row) * 3 + x - 2 * column);                          \
                            of[windows++] = (window){grad + where, at + where, place};                                \
                        }                                                                                             \
                GATHERED(out, of, windows, numbers);                                                                  \
            }                                                                                                         \
        }                                                                                                             \
    }
MAX_POOL_BACKWARD(max_pool_backward_16, gathered_16)
MAX_POOL_BACKWARD(max_pool_backward_32, gathered_32)

SHARED(max_pool_backward, pooling, job->batch * job->height, job->bytes == 2 ? max_pool_backward_16 : max_pool_backward_32)

/* ---- the network's input normalization (scale, shift, dtype, channels last), and its backward pass ---- */

typedef struct {
    pool pool;
    const float *scale, *shift;
    float *planes; /* (batch, 3, height, width) */
    void *places;  /* (batch, height, width, 3) */
    size batch, height, width, bytes;
} photograph;

/* Stores or loads an element of `places`: bfloat16 of 2 bytes or float of 4. */
#define PLACED(i, value)                                                                                              \
    if (bytes == 2) ((uint16_t *)job->places)[i] = (uint16_t)(rounded(value) >> 16);                                  \
    else ((float *)job->places)[i] = value;
#define TAKEN(i) (bytes == 2 ? as_float((uint32_t)((const uint16_t *)job->places)[i] << 16) : ((const float *)job->places)[i])

INLINE void lines_to_places(const photograph *job, size from, size to, const size bytes) {
    size width = job->width, plane = job->height * width;
    for (size line = from; line < to; line++) {
        const float *restrict red = job->planes + line / job->height * 3 * plane + line % job->height * width;
        INDEPENDENT
        for (size x = 0; x < width; x++) {
            PLACED((line * width + x) * 3, red[x] * job->scale[0] + job->shift[0])
            PLACED((line * width + x) * 3 + 1, red[x + plane] * job->scale[1] + job->shift[1])
            PLACED((line * width + x) * 3 + 2, red[x + 2 * plane] * job->scale[2] + job->shift[2])
        }
    }
}

INLINE void lines_to_planes(const photograph *job, size from, size to, const size bytes) {
    size width = job->width, plane = job->height * width;
    for (size line = from; line < to; line++) {
        float *restrict red = job->planes + line / job->height * 3 * plane + line % job->height * width;
        INDEPENDENT
        for (size x = 0; x < width; x++) {
            red[x] = TAKEN((line * width + x) * 3) * job->scale[0];
            red[x + plane] = TAKEN((line * width + x) * 3 + 1) * job->scale[1];
            red[x + 2 * plane] = TAKEN((line * width + x) * 3 + 2) * job->scale[2];
        }
    }
}

#define PHOTOGRAPH(NAME, LINES, BYTES)                                                                                \
    FOR_EVERY_PROCESSOR static void NAME(const photograph *job, size from, size to) { LINES(job, from, to, BYTES); }
PHOTOGRAPH(to_places_16, lines_to_places, 2)
PHOTOGRAPH(to_places_32, lines_to_places, 4)
PHOTOGRAPH(to_planes_16, lines_to_planes, 2)
PHOTOGRAPH(to_planes_32, lines_to_planes, 4)

SHARED(to_places, photograph, job->batch * job->height, job->bytes == 2 ? to_places_16 : to_places_32)
SHARED(to_planes, photograph, job->batch * job->height, job->bytes == 2 ? to_planes_16 : to_planes_32)

/* ---- the Laplacian pyramid: planes at half the size, and coarse planes enlarged and added to finer ones ---- */

typedef struct {
    pool pool;
    const float *fine, *coarse, *share; /* (planes, 2): the factors of the fine and of the coarse plane */
    float *out;
    size planes, height, width; /* of the fine planes; the coarse ones have half of it, rounded up */
} pyramid;

enum { COLUMNS = 512 }; /* coarse columns at a time, so that the line buffer stays in the L1 cache */

INLINE size within(size index, size count) { return index < 0 ? 0 : index < count ? index : count - 1; }

/* A 1 3 3 1 filter both ways with stride 2, edges repeated. `tap` are the four input rows; `line` is their vertical
 * sum, starting one column to the left of the piece. */
FOR_EVERY_PROCESSOR static void halve_lines(const pyramid *job, size from, size to) {
    size height = job->height, width = job->width, rows = (height + 1) / 2, columns = (width + 1) / 2;
    float line[2 * COLUMNS + 2];
    for (size row = from; row < to; row++) {
        const float *plane = job->fine + row / rows * height * width, *tap[4];
        float *out = job->out + row * columns;
        for (int k = 0; k < 4; k++) tap[k] = plane + within(row % rows * 2 - 1 + k, height) * width;
        for (size first = 0; first < columns; first += COLUMNS) {
            size count = columns - first < COLUMNS ? columns - first : COLUMNS;
            const float *restrict a = tap[0] + 2 * first, *restrict b = tap[1] + 2 * first;
            const float *restrict c = tap[2] + 2 * first, *restrict d = tap[3] + 2 * first;
            size low = first ? -1 : 0, high = width - 2 * first < 2 * count + 1 ? width - 2 * first : 2 * count + 1;
            INDEPENDENT
            for (size x = low; x < high; x++) line[x + 1] = a[x] + d[x] + 3 * (b[x] + c[x]);
            if (!first) line[0] = line[1];
            for (size x = high; x < 2 * count + 1; x++) line[x + 1] = line[high];
            INDEPENDENT
            for (size x = 0; x < count; x++)
                out[first + x] =
                    (line[2 * x] + line[2 * x + 3] + 3 * (line[2 * x + 1] + line[2 * x + 2])) * (1 / 64.f);
        }
    }
}

SHARED(halve, pyramid, job->planes * ((job->height + 1) / 2), halve_lines)

/* share * fine + other * coarse enlarged twofold, bilinear: between two coarse pixels lie two fine ones, at a quarter
 * and at three quarters of the way, so that their weights are 3/4 and 1/4 along each axis (the 16 below). */
FOR_EVERY_PROCESSOR static void beside_lines(const pyramid *job, size from, size to) {
    size height = job->height, width = job->width, rows = (height + 1) / 2, columns = (width + 1) / 2;
    float line[COLUMNS + 2];
    for (size y = from; y < to; y++) {
        size plane = y / height, row = y % height / 2;
        const float *coarse = job->coarse + plane * rows * columns, *near = coarse + row * columns;
        const float *far = coarse + within(row + (y % height % 2 ? 1 : -1), rows) * columns;
        float share = job->share[2 * plane], other = job->share[2 * plane + 1] / 16;
        for (size first = 0; first < columns; first += COLUMNS) {
            size count = columns - first < COLUMNS ? columns - first : COLUMNS;
            size low = first ? -1 : 0, high = first + count < columns ? count + 1 : count;
            const float *restrict a = near + first, *restrict b = far + first;
            const float *restrict fine = job->fine + y * width + 2 * first;
            float *restrict out = job->out + y * width + 2 * first;
            INDEPENDENT
            for (size x = low; x < high; x++) line[x + 1] = (3 * a[x] + b[x]) * other;
            if (!first) line[0] = line[1];
            if (high == count) line[count + 1] = line[count];
            size pairs = 2 * (first + count) <= width ? count : count - 1;
            INDEPENDENT
            for (size x = 0; x < pairs; x++) {
                out[2 * x] = share * fine[2 * x] + (3 * line[x + 1] + line[x]);
                out[2 * x + 1] = share * fine[2 * x + 1] + (3 * line[x + 1] + line[x + 2]);
            }
            if (pairs < count) out[2 * pairs] = share * fine[2 * pairs] + (3 * line[count] + line[count - 1]);
        }
    }
}

SHARED(beside, pyramid, job->planes * job->height, beside_lines)

/* ---- sums for the strength of planes ---- */

typedef struct {
    pool pool;
    const float *planes;
    double *sums; /* (lines, 3): of the values, of their squares, of their absolute values */
    size lines, width;
} moments;

FOR_EVERY_PROCESSOR static void moments_lines(const moments *job, size from, size to) {
    for (size line = from; line < to; line++) {
        const float *restrict x = job->planes + line * job->width;
        double sum = 0, squares = 0, sizes = 0;
#pragma omp simd reduction(+ : sum, squares, sizes)
        for (size i = 0; i < job->width; i++) {
            double value = x[i];
            sum += value;
            squares += value * value;
            sizes += __builtin_fabs(value);
        }
        job->sums[3 * line] = sum, job->sums[3 * line + 1] = squares, job->sums[3 * line + 2] = sizes;
    }
}

SHARED(sums, moments, job->lines, moments_lines)
