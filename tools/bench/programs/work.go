package main

import (
	"fmt"
	"sort"
	"strings"
	"sync"
)

type shape interface{ area() float64 }
type square struct{ n float64 }
type circle struct{ n float64 }

func (s square) area() float64 { return s.n * s.n }
func (c circle) area() float64 { return c.n * c.n * 3 }

func fib(n int) int {
	if n < 2 {
		return n
	}
	return fib(n-1) + fib(n-2)
}

func main() {
	sum := 0.0
	for i := 0; i < 3000000; i++ {
		var s shape = square{float64(i)}
		if i%3 == 0 {
			s = circle{float64(i)}
		}
		sum += s.area()
	}
	words := map[string]int{}
	for i := 0; i < 300000; i++ {
		words[fmt.Sprintf("word%d", i*7919%5003)]++
	}
	keys := []string{}
	for w := range words {
		keys = append(keys, w)
	}
	sort.Strings(keys)
	var wg sync.WaitGroup
	results := make(chan int, 8)
	for i := 0; i < 8; i++ {
		wg.Add(1)
		go func(n int) { defer wg.Done(); results <- fib(n) }(25 + i%3)
	}
	wg.Wait()
	close(results)
	total := 0
	for r := range results {
		total += r
	}
	fmt.Println(sum, len(keys), keys[17], total, len(strings.Repeat("ab", 1000)))
}
