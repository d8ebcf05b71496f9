#include <algorithm>
#include <iostream>
#include <map>
#include <string>
#include <vector>

int main()
{
    std::map<std::string, int> count;
    std::vector<std::string> words{"hello", "to", "you", "and", "hello", "again"};
    for (const auto &w : words)
        count[w]++;
    std::sort(words.begin(), words.end());
    for (const auto &[w, n] : count)
        std::cout << w << ' ' << n << '\n';
}
