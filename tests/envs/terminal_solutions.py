"""What a person would type to do the terminal environment's tasks."""

from __future__ import annotations

__all__ = ["SOLUTIONS"]

SOLUTIONS = {
    "count_status_codes": r"""
grep -oE '" [0-9]{3} ' logs/access.log | tr -d '" ' | sort | uniq -c \
    | sed -E 's/ *([0-9]+) ([0-9]+)/\2 \1/' > report.txt
""",
    "repair_config": r"""
sed -i "s/'/\"/g; s/8080,/9090/" app/config.json
""",
    "lock_keys": "chmod 700 keys; chmod 600 keys/*.key; chmod 644 keys/*.pub",
    "busiest_clients": r"""
cut -d ' ' -f 1 logs/access.log | sort | uniq -c | sort -k1,1nr -k2,2 | head -n 3 | sed 's/.* //' > top.txt
""",
    "merge_parts": """
tar xzf parts.tar.gz; for i in {1..12}; do cat parts/part-$i.txt; done > whole.txt; wc -l < whole.txt > count.txt
""",
    "greet_everybody": 'sed -i \'s/in $@/in "$@"/; s/Hello, $name!/"Hello, $name!"/\' greet.sh',
    "mark_executables": "chmod 644 bin/*\nfor f in bin/*; do [ \"$(head -c 2 $f)\" = '#!' ] && chmod 755 $f; done",
    "unique_addresses": r"""
python3 -c "import sys; print(*dict.fromkeys(l.strip().lower() for l in open('addresses.txt')), sep='\n')" > unique.txt
""",
    "pack_project": "tar czf backup.tar.gz --exclude=project/cache --exclude='*.tmp' project",
    "stop_the_noise": r"""
for p in /proc/[0-9]*; do grep -qz '^noise$' $p/cmdline 2> /dev/null && kill ${p#/proc/}; done; rm noise.log
""",
    "rename_photos": r"""
cd photos; for f in *.JPG; do g=$(echo "$f" | tr -d '()' | tr 'A-Z ' 'a-z_'); mv "$f" "$g"; done
""",
    "split_by_day": 'mkdir by-day\nwhile IFS= read -r l; do echo "$l" >> by-day/${l%%T*}.log; done < app.log',
    "replace_host": r"""
find etc -name '*.conf' -exec sed -i -E 's/(^|[^a-z])old\.example\.com/\1db.example.net/g' {} +
""",
    "regional_totals": r"""
cat > t.py <<'END'
import collections, csv
totals = collections.Counter()
for row in csv.DictReader(open("orders.csv")):
    totals[row["region"]] += (row["status"] != "cancelled") * int(row["pieces"]) * round(float(row["price"]) * 100)
print(*(f"{name}: {cents / 100:.2f}" for name, cents in sorted(totals.items())), sep="\n")
END
python3 t.py > totals.txt
""",
    "newest_release": r"""
ls releases | grep -v draft | sort -V > versions.txt; ln -sfn releases/$(tail -n 1 versions.txt) current
""",
    "count_lines": r"""
cat > count.sh <<'END'
#!/bin/bash
find "$1" -type f -name '*.txt' -exec cat {} + | wc -l
END
chmod +x count.sh
""",
    "last_logins": r"""
while read -r number name; do
    last=$(grep " $number\$" logins.txt | sort | tail -n 1 | cut -d ' ' -f 1)
    echo "$name ${last:-never}"
done < users.txt | sort > last.txt
""",
    "find_corrupted": r"""
sha256sum -c SHA256SUMS 2> /dev/null | sed -n 's/: FAILED$//p' | sort > changed.txt
sha256sum -c SHA256SUMS 2> /dev/null | sed -n 's/: FAILED open or read$//p' | sort > lost.txt
""",
}
