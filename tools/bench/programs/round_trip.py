import json

data = [{"id": i, "name": f"item {i}", "price": i * 1.25, "tags": ["a", "b", str(i % 7)], "stock": None if i % 3 else True}
        for i in range(3000)]
size = 0
for _ in range(8):
    text = json.dumps(data, indent=1, sort_keys=True)
    data = json.loads(text)
    size += len(text)
print(size, data[17])
