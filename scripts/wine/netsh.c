/* Stands in for netsh in the tests under Wine, which has none that works: `advfirewall firewall add rule` and `delete rule` change the
   registry as Windows does, as far as the program under test uses them. */
#include <stdio.h>
#include <string.h>
#include <windows.h>

#define RULES "SYSTEM\\CurrentControlSet\\Services\\SharedAccess\\Parameters\\FirewallPolicy\\FirewallRules"

static const char *value(int argc, char **argv, const char *name) {
    size_t length = strlen(name);
    int i;
    for (i = 1; i < argc; i++)
        if (!strncmp(argv[i], name, length) && argv[i][length] == '=') return argv[i] + length + 1;
    return "";
}

int main(int argc, char **argv) {
    char text[2048], ports[1024], *one;
    HKEY key;
    const char *name = value(argc, argv, "name");
    if (argc < 5 || strcmp(argv[1], "advfirewall") || !*name) return 1;
    if (RegOpenKeyExA(HKEY_LOCAL_MACHINE, RULES, 0, KEY_ALL_ACCESS, &key)) return 1;
    if (!strcmp(argv[3], "delete")) return RegDeleteValueA(key, name) ? 1 : 0;
    snprintf(text, sizeof text, "v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=6|");
    snprintf(ports, sizeof ports, "%s", value(argc, argv, "localport"));
    for (one = strtok(ports, ","); one; one = strtok(NULL, ",")) {
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s=%s|", strchr(one, '-') ? "LPort2_10" : "LPort", one);
    }
    snprintf(text + strlen(text), sizeof text - strlen(text), "App=%s|Name=%s|", value(argc, argv, "program"), name);
    return RegSetValueExA(key, name, 0, REG_SZ, (const BYTE *)text, (DWORD)strlen(text) + 1) ? 1 : 0;
}
