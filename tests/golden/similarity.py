"""Prints tests/golden/similarity.json: figures of rapidfuzz, rouge_score and sacrebleu that src/similarity/ is held to.

    python3 -m venv venv && venv/bin/pip install -r tests/golden/requirements.txt
    venv/bin/python tests/golden/similarity.py > tests/golden/similarity.json

`./test` runs it where these can be installed, and compares (compare.py).

Token F1 is computed here as SQuAD's evaluation (v1.1, v2.0) defines it, with Python's own `re` and `string`.
"""

import collections
import json
import random
import re
import string
from importlib.metadata import version

from rapidfuzz.distance import Levenshtein
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu import sentence_bleu

PAIRS = [
    ("", ""),
    ("", "something"),
    ("something", ""),
    ("   \n", " "),
    ("the", "The"),
    ("a an the", "the"),
    ("The order was refunded on Monday.", "the order was refunded on Monday"),
    ("The order will be refunded within 5 days, as agreed.", "Your order is going to be refunded within five days."),
    ("Please restart the router; wait 30 seconds, and try again.", "Restart your router, wait for 30 seconds and try again."),
    ("Yes", "No"),
    ("It costs $1,299.00 (incl. 19% VAT) - or 3-5 instalments of 259.80.", "It costs $1,299.00, incl. 19% VAT, or 5 instalments of $259.80."),
    ("well-known, state-of-the-art e-mail", "a well known state of the art email"),
    ("Tom &amp; Ann said &quot;hello&quot; &lt;twice&gt;", 'Tom & Ann said "hello" <twice>'),
    ("break-\nfast at 10-12 o'clock\nand more", "breakfast at 10-12 o'clock and more"),
    ("<skipped> words stay", "words stay"),
    ("a b c d e f g h", "h g f e d c b a"),
    ("word word word word", "word"),
    ("word", "word word word word"),
    ("one two three", "four five six"),
    ("the cat—the dog", "cat dog"),
    ("don't can't won't", "dont cant wont"),
    ("He said: \"A an THE\" / [x] {y} ~z~ `w` ^v^ \\u\\", "he said x y z w v u"),
    ("3.14 is pi, 2.718 is e, .5 is a half. 7, 8.", "pi is 3.14; e is 2.718; a half is .5, 7 and 8"),
    ("Die Bestellung wurde am 3. März zurückgenommen.", "Am 3. März wurde die Bestellung zurückgenommen."),
    ("Größe und Straße sind falsch geschrieben", "GRÖSSE UND STRASSE SIND RICHTIG GESCHRIEBEN"),
    ("La réclamation du client n'a pas été traitée.", "La réclamation de la cliente n’a pas encore été traitée."),
    ("¿Dónde está mi pedido? ¡Llevo 3 semanas esperando!", "Donde esta mi pedido? Llevo tres semanas esperando."),
    ("客户要求退款，因为商品有瑕疵。", "客户因为商品损坏要求退款。"),
    ("订单 4711 已取消", "订单 4711 已经 取消"),
    ("ご注文の商品は明日届きます。", "ご注文の品は明後日に届きます。"),
    ("주문하신 상품이 내일 도착합니다.", "주문한 상품은 모레 도착할 예정입니다."),
    ("Заказ будет доставлен завтра, до 18:00.", "Ваш заказ доставят завтра к 18:00."),
    ("سيتم رد المبلغ خلال خمسة أيام", "سيعاد المبلغ في غضون ٥ أيام"),
    ("आपका ऑर्डर कल पहुँच जाएगा।", "आपका ऑर्डर परसों पहुँचेगा।"),
    ("aि the\u0902 anⅷ Ⓐthe ʼa—the", "aि\u0902 anⅷ ʼa"),
    ("👍🏽 great 👨‍👩‍👧 service", "👍 great 👨‍👩‍👧‍👦 service"),
    ("cafe\u0301 naïve", "café nai\u0308ve"),
    ("İstanbul'da ılık", "istanbul'da ilik"),
    ("tab\tand\u00a0hard\u2003spaces\u3000here\x1cend", "tab and hard spaces here end"),
    ("ends with spaces  \n", "ends with spaces"),
]


def longer():
    draw = random.Random(20261124)
    words = "the a ticket refund order late Kunde client 客户 заказ 12 3.5 well-known, O.K. naïve; (please) no yes".split()
    for length in (8, 30, 70, 200):
        for keep in (0.5, 0.9):
            expected = [draw.choice(words) for _ in range(length)]
            actual = [w if draw.random() < keep else draw.choice(words) for w in expected]
            if draw.random() < 0.5:
                del actual[length // 3 : length // 2]
            yield " ".join(actual), " ".join(expected)


def normalised(text):
    text = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return re.sub(r"\b(a|an|the)\b", " ", text).split()


def token_f1(actual, expected):
    given, wanted = normalised(actual), normalised(expected)
    same = sum((collections.Counter(given) & collections.Counter(wanted)).values())
    if not given or not wanted:
        return float(given == wanted)
    if same == 0:
        return 0.0
    precision, recall = same / len(given), same / len(wanted)
    return 2 * precision * recall / (precision + recall)


def cases():
    rouge = RougeScorer(["rougeL"], use_stemmer=False)
    for actual, expected in PAIRS + list(longer()):
        yield {
            "actual": actual,
            "expected": expected,
            "levenshtein": Levenshtein.normalized_similarity(actual, expected),
            "token_f1": token_f1(actual, expected),
            "rouge_l": float(rouge.score(expected, actual)["rougeL"].fmeasure),
            "bleu": sentence_bleu(actual, [expected]).score / 100,
        }


versions = {name: version(name) for name in ("rapidfuzz", "rouge_score", "sacrebleu")}
lines = ",\n  ".join(json.dumps(case, ensure_ascii=False) for case in cases())
print(f'{{\n "versions": {json.dumps(versions)},\n "pairs": [\n  {lines}\n ]\n}}')
