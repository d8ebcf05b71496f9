import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import java.util.regex.*;
import java.util.stream.*;

public class Work {
    interface Shape { double area(); }
    record Square(double n) implements Shape { public double area() { return n * n; } }
    record Circle(double n) implements Shape { public double area() { return n * n * 3; } }

    static int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

    public static void main(String[] args) throws Exception {
        double area = 0;
        List<Shape> shapes = new ArrayList<>();
        for (int i = 0; i < 3000; i++)
            shapes.add(i % 3 == 0 ? new Square(i) : new Circle(i));
        for (int round = 0; round < 100; round++)
            for (Shape s : shapes)
                area += s.area();
        System.out.printf("%.1f %d%n", area, fib(30));
        Map<String, Integer> words = new HashMap<>();
        Pattern word = Pattern.compile("[A-Za-z_]\\w+");
        List<String> lines = Files.readAllLines(Path.of("text"), StandardCharsets.ISO_8859_1);
        for (String line : lines.subList(0, 20000)) {
            Matcher m = word.matcher(line);
            while (m.find())
                words.merge(m.group().toLowerCase(), 1, Integer::sum);
        }
        System.out.println(words.entrySet().stream().sorted(Map.Entry.<String, Integer>comparingByValue().reversed().thenComparing(Map.Entry.comparingByKey()))
            .limit(5).map(Object::toString).collect(Collectors.joining(", ")));
        StringBuilder s = new StringBuilder();
        for (int i = 0; i < 100000; i++)
            s.append(i * 7919 % 1009).append(' ');
        System.out.println(s.toString().hashCode() + " " + IntStream.range(0, 200000).filter(i -> i % 7 == 0).mapToLong(i -> (long) i * i).sum());
    }
}
