import re
from collections import Counter, defaultdict


class Account:
    def __init__(self, owner):
        self.owner = owner
        self.entries = []

    @property
    def balance(self):
        return sum(e for e in self.entries)

    def __lt__(self, other):
        return (self.balance, self.owner) < (other.balance, other.owner)


accounts = {f"owner {i}": Account(f"owner {i}") for i in range(2000)}
for i in range(60000):
    accounts[f"owner {i * 7919 % 2000}"].entries.append(i % 97 - 40)
best = sorted(accounts.values())[-3:]
print([(a.owner, a.balance) for a in best])

words = Counter()
lines = defaultdict(list)
for n, line in enumerate(open("text", encoding="latin-1")):
    if n == 15000:
        break
    for word in re.findall(r"[A-Za-z_]\w+", line):
        words[word.lower()] += 1
        lines[word].append(n)
print(words.most_common(5), len(lines), sum(len(v) for v in lines.values()))
try:
    for i in range(50000):
        try:
            if i % 3 == 0:
                raise KeyError(i)
        except KeyError as e:
            words[e.args[0] % 7] += 1
finally:
    print(words[3], ",".join(str(x) for x in range(20)))
