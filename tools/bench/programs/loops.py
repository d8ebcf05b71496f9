def collatz(n):
    steps = 0
    while n != 1:
        n = 3 * n + 1 if n % 2 else n // 2
        steps += 1
    return steps


def sieve(n):
    composite = bytearray(n)
    for i in range(2, int(n ** 0.5) + 1):
        if not composite[i]:
            for j in range(i * i, n, i):
                composite[j] = 1
    return n - 2 - sum(composite)


total = 0.0
for i in range(1, 600000):
    total += 1 / (i * i)
print(max(collatz(i) for i in range(1, 10000)), sieve(300000), total)
