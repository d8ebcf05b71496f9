const fs = require('fs');
class Shape { constructor(n) { this.n = n; } area() { return this.n; } }
class Square extends Shape { area() { return this.n * this.n; } }
class Circle extends Shape { area() { return this.n * this.n * Math.PI; } }
let area = 0;
const shapes = Array.from({ length: 3000 }, (_, i) => new [Shape, Square, Circle][i % 3](i));
for (let round = 0; round < 100; round++)
    for (const s of shapes)
        area += s.area();
console.log(area.toFixed(3));
const words = new Map();
for (const line of fs.readFileSync('text', 'latin1').split('\n').slice(0, 30000))
    for (const w of line.match(/[A-Za-z_]\w+/g) || [])
        words.set(w.toLowerCase(), (words.get(w.toLowerCase()) || 0) + 1);
console.log([...words].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 5));
let data = [];
for (let i = 0; i < 10000; i++)
    data.push({ id: i, name: `item ${i}`, tags: ['a', 'b'], price: i / 8 });
for (let i = 0; i < 5; i++)
    data = JSON.parse(JSON.stringify(data));
console.log(data.length, data.filter(d => d.id % 7 === 0).map(d => d.price).reduce((a, b) => a + b));
const fib = n => n < 2 ? n : fib(n - 1) + fib(n - 2);
console.log(fib(27), [...Array(50000).keys()].map(i => i * 7919 % 50021).sort((a, b) => a - b)[777]);
let big = 1n;
for (let i = 1n; i < 800n; i++)
    big *= i;
console.log(big.toString().length);
