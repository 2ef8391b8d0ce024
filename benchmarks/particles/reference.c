// Euler-Maruyama paths of the benchmark's valley, and the same paths at twice the step, as a C programmer would
// write them for AVX2: Philox4x32-10, Box and Muller from one 64-bit word, the Cholesky factor of D in every step.
// The arithmetic is that of the package's generated kernels; only the bits of the last places differ.
#include <immintrin.h>
#include <stdint.h>

typedef __m256d D;
typedef __m256i I;

static inline D set(double x) { return _mm256_set1_pd(x); }
static inline I word(uint64_t x) { return _mm256_set1_epi64x((long long)x); }
static inline D as_float(I x) { return _mm256_castsi256_pd(x); }
static inline I as_bits(D x) { return _mm256_castpd_si256(x); }

// log(1 + t)/t between the roots of 1/2 and 2, sin and cos of a quarter turn: set by the caller.
static double LOG[12], SIN[6], COS[7];

void polynomials(const double *log, const double *sin, const double *cos) {
    for (int k = 0; k < 12; k++) LOG[k] = log[k];
    for (int k = 0; k < 6; k++) SIN[k] = sin[k];
    for (int k = 0; k < 7; k++) COS[k] = cos[k];
}

static inline void philox(I c0, I c1, I c2, I c3, uint64_t seed, I *first, I *second) {
    const I m0 = word(0xD2511F53u), m1 = word(0xCD9E8D57u), low = word(0xffffffffu);
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int r = 0; r < 10; r++) {
        I p0 = _mm256_mul_epu32(m0, c0), p1 = _mm256_mul_epu32(m1, c2);
        c0 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p1, 32), c1), word(k0));
        c2 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p0, 32), c3), word(k1));
        c1 = _mm256_and_si256(p1, low);
        c3 = _mm256_and_si256(p0, low);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    *first = _mm256_or_si256(_mm256_slli_epi64(c0, 32), c1);
    *second = _mm256_or_si256(_mm256_slli_epi64(c2, 32), c3);
}

static inline D horner(const double *c, int n, D x) {
    D a = set(c[n - 1]);
    for (int k = n - 2; k >= 0; k--) a = _mm256_fmadd_pd(a, x, set(c[k]));
    return a;
}

static inline void normals(I w, D *z0, D *z1) {
    I up = _mm256_or_si256(_mm256_slli_epi64(_mm256_srli_epi64(w, 24), 12), word(0x3FF0000000000000));
    D u = _mm256_sub_pd(as_float(up), set(1.0 - 0x1p-41));
    I b = as_bits(u), e = _mm256_sub_epi64(b, word(0x3FE6A09E667F3BCD));
    // the sign of e, a few binary digits: an arithmetic shift that AVX2 lacks
    I negative = _mm256_cmpgt_epi64(_mm256_setzero_si256(), e);
    I shift = _mm256_or_si256(_mm256_srli_epi64(e, 52), _mm256_slli_epi64(negative, 12));
    D t = _mm256_sub_pd(as_float(_mm256_sub_epi64(b, _mm256_slli_epi64(shift, 52))), set(1.0));
    I whole = _mm256_add_epi64(shift, word(0x4338000000000000));
    D k = _mm256_sub_pd(as_float(whole), set(6755399441055744.0));
    D log = _mm256_fmadd_pd(k, set(0.69314718055994530942), _mm256_mul_pd(t, horner(LOG, 12, t)));
    D radius = _mm256_sqrt_pd(_mm256_mul_pd(log, set(-2.0)));
    I turn = _mm256_slli_epi64(_mm256_and_si256(w, word(0x7FFFFF)), 29);
    D a = _mm256_sub_pd(as_float(_mm256_or_si256(turn, word(0x4000000000000000))), set(3.0 - 0x1p-23));
    D q = _mm256_mul_pd(a, a);
    D s = _mm256_mul_pd(a, horner(SIN, 6, q)), c = horner(COS, 7, q);
    I sign = _mm256_slli_epi64(_mm256_and_si256(w, word(0x800000)), 40);
    *z0 = as_float(_mm256_xor_si256(as_bits(_mm256_mul_pd(radius, c)), sign));
    *z1 = _mm256_mul_pd(radius, s);
}

typedef struct { D x, y; } Point;

static inline Point step(Point p, D w0, D w1, double h, double s) {
    D xx = _mm256_mul_pd(p.x, p.x), yy = _mm256_mul_pd(p.y, p.y), curvature = _mm256_add_pd(xx, set(1.0));
    D d00 = _mm256_fmadd_pd(yy, set(0.25 * s), set(0.5 * s)), d11 = _mm256_mul_pd(curvature, set(0.5 * s));
    D d10 = _mm256_mul_pd(_mm256_mul_pd(p.x, p.y), set(0.15 * s));
    D l00 = _mm256_sqrt_pd(d00), l10 = _mm256_div_pd(d10, l00);
    D l11 = _mm256_sqrt_pd(_mm256_fnmadd_pd(l10, l10, d11));
    D bx = _mm256_mul_pd(p.x, yy), by = _mm256_mul_pd(curvature, p.y);
    Point q;
    q.x = _mm256_fmadd_pd(l00, w0, _mm256_fmadd_pd(bx, set(-h), p.x));
    q.y = _mm256_fmadd_pd(l11, w1, _mm256_fmadd_pd(l10, w0, _mm256_fmadd_pd(by, set(-h), p.y)));
    return q;
}

#define LANES 256

void paths(double *x, double *y, double *cx, double *cy, long n, long steps, double h, double s, uint64_t seed) {
    const D root = set(__builtin_sqrt(2.0 * h));
    for (long first = 0; first + LANES <= n; first += LANES)
        for (long k = 0; k < steps; k += 2)
            for (long i = first; i < first + LANES; i += 4) {
                I id = _mm256_add_epi64(word((uint64_t)i), _mm256_setr_epi64x(0, 1, 2, 3)), u, v;
                philox(id, word((uint64_t)(k / 2)), word(1u << 28), word(0), seed, &u, &v);
                D a0, a1, b0, b1;
                normals(u, &a0, &a1);
                normals(v, &b0, &b1);
                a0 = _mm256_mul_pd(a0, root); a1 = _mm256_mul_pd(a1, root);
                b0 = _mm256_mul_pd(b0, root); b1 = _mm256_mul_pd(b1, root);
                Point p = {_mm256_loadu_pd(x + i), _mm256_loadu_pd(y + i)};
                Point c = {_mm256_loadu_pd(cx + i), _mm256_loadu_pd(cy + i)};
                p = step(step(p, a0, a1, h, s), b0, b1, h, s);
                c = step(c, _mm256_add_pd(a0, b0), _mm256_add_pd(a1, b1), 2.0 * h, s);
                _mm256_storeu_pd(x + i, p.x); _mm256_storeu_pd(y + i, p.y);
                _mm256_storeu_pd(cx + i, c.x); _mm256_storeu_pd(cy + i, c.y);
            }
}
