module Words = Map.Make (String)

type tree = Leaf | Node of tree * int * tree

let rec insert x = function
  | Leaf -> Node (Leaf, x, Leaf)
  | Node (l, y, r) as t -> if x < y then Node (insert x l, y, r) else if x > y then Node (l, y, insert x r) else t

let rec depth = function Leaf -> 0 | Node (l, _, r) -> 1 + max (depth l) (depth r)
let rec fib n = if n < 2 then n else fib (n - 1) + fib (n - 2)

let () =
  let t = ref Leaf in
  for i = 1 to 20000 do
    t := insert (i * 7919 mod 20011) !t
  done;
  let words = ref Words.empty in
  for i = 1 to 30000 do
    let w = string_of_int (i * i mod 1009) in
    words := Words.update w (fun n -> Some (1 + Option.value n ~default:0)) !words
  done;
  let l = List.init 30000 (fun i -> i * 31 mod 7001) |> List.sort compare |> List.filter (fun x -> x mod 3 = 0) in
  Printf.printf "%d %d %d %d\n" (fib 25) (depth !t) (Words.cardinal !words) (List.fold_left ( + ) 0 l)
