/* Start-up and nothing else. */
int main(void)
{
    return 0;
}
