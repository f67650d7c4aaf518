"""Label sentences in several wordings, written before any of them was scored on a test set, and kept since.

Three wordings of Helpdesk's intents are written out below, a topic, a description and a customer's own words; the
others are made from the label's name. Sentiment has ten written wordings, the same for every corpus.

Taught in: book/constraints/prompting
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from companion.errors import ConfigError
from companion.randomness import key

Wording = Mapping[str, str]
"""A sentence for each label."""

TEMPLATES = {
    "label": "{label}",
    "name": "{name}",
    "about": "This message is about: {name}.",
    "wants": "The customer writes because of {name}.",
    "intent": "intent: {name}",
    "topic in a list": "customer service, coffee machines, {name}",
}
"""Wordings made from a label such as `track_order` and its name, `track order`."""

# label: topic | description | the customer's own words
HELPDESK = """
track_order: parcel tracking | A customer asks where an order is on its way. | Where is my parcel right now?
delivery_late: delayed delivery | An order has not come on the promised date. | My order should have been here days ago.
delivery_not_received: missing parcel | A parcel is marked as delivered but was not received. | \
It says delivered, but I never got it.
change_delivery_address: new address for a delivery | A customer wants a parcel sent to another address. | \
Please send my order to a different address.
choose_delivery_time: delivery slot | A customer wants to choose the day or hour of a delivery. | \
Can you deliver on Friday evening?
cancel_order: cancelling an order | A customer does not want an order any more before it is sent. | \
Please stop my order, I do not want it any more.
change_order: changing an order | A customer wants to add, remove or swap an item in an order. | \
Can I add something to the order I just made?
wrong_or_damaged_item: wrong or broken goods | A parcel held the wrong item, or a damaged one. | \
You sent me the wrong thing and it is broken.
return_item: sending goods back | A customer wants to send an item back. | How do I send this back to you?
refund_status: waiting for a refund | A customer asks when the money for a return will be paid back. | \
I returned it weeks ago, where is my money?
payment_declined: card refused | A payment did not go through at the checkout. | \
My card is refused every time I try to pay.
double_charge: charged twice | The same order was taken from the account twice. | You took the money twice.
request_invoice: invoice or receipt | A customer needs an invoice or a receipt for an order. | \
I need an invoice for my order.
update_payment_method: new card on file | A customer wants to replace the stored card or bank account. | \
I have a new card, where do I enter it?
discount_code_problem: voucher does not work | A discount code or voucher is not accepted. | \
The promo code does not work at the checkout.
reset_password: forgotten password | A customer needs a new password. | I forgot my password.
cannot_log_in: login trouble | A customer cannot get into the account although the password is right. | \
I cannot log in to my account.
change_account_details: name, email or phone of an account | \
A customer wants to change personal data in the account. | \
I have a new email address, please change it in my account.
delete_account: closing an account | A customer wants the account and its data removed. | \
Please delete my account and all my data.
suspicious_activity: stolen account or fraud | Somebody else seems to use the customer's account. | \
Someone else has been in my account.
start_subscription: signing up for regular coffee | A customer wants to begin a subscription. | \
I would like to get beans every month.
pause_subscription: break from regular coffee | A customer wants to pause a subscription for some time. | \
We are away in July, please pause my beans.
cancel_subscription: ending regular coffee | A customer wants to end a subscription for good. | \
I want to stop my subscription for good.
change_subscription: other beans, size or rhythm | \
A customer wants other beans, amounts or intervals in a subscription. | \
Can I get a different coffee, less often, in my subscription?
subscription_price: cost of regular coffee | A customer asks what a subscription costs, or why it costs more. | \
How much is the subscription each month?
machine_will_not_start: dead coffee machine | The coffee machine does not switch on. | \
My machine does not turn on any more.
machine_leaks: water under the coffee machine | The coffee machine loses water. | There is water all under my machine.
descaling_and_cleaning: limescale and care | A customer asks how to descale or clean the coffee machine. | \
How do I descale and clean it?
app_pairing: bluetooth and the app | The coffee machine cannot be connected to the phone app. | \
The app does not find my machine.
warranty_and_repair: guarantee and repairs | A customer asks about warranty, repair or spare parts. | \
Is it still under warranty, and who repairs it?
"""
WRITTEN = ("topic", "description", "customer")

# wording: negative | neutral | positive
SENTIMENT = """
label: negative | neutral | positive
sentiment: negative sentiment | neutral sentiment | positive sentiment
news: This is bad news. | This is neutral news. | This is good news.
adjective: terrible | ordinary | great
direction: down | unchanged | up
profit: Profit fell. | Profit stayed the same. | Profit rose.
readers: Readers will be worried. | Readers will not mind either way. | Readers will be pleased.
company: The company is doing badly. | The company described what it does. | The company is doing well.
facts: Sales fell and jobs were lost. | The meeting takes place on Tuesday. | Sales grew and an award was won.
tone: The tone of this sentence is negative. | The tone of this sentence is neutral. | \
The tone of this sentence is positive.
"""


def wordings_of(corpus: str) -> dict[str, Wording]:
    """Every wording of a corpus by name: nine for Helpdesk's intents, ten for sentiment.

    Raises:
        ConfigError: no wording was written for this corpus.

    Taught in: book/constraints/prompting
    """
    if corpus == "helpdesk":
        rows = _table(HELPDESK)
        made = {
            name: {label: template.format(label=label, name=label.replace("_", " ")) for label in rows}
            for name, template in TEMPLATES.items()
        }
        return made | {name: {label: own[place] for label, own in rows.items()} for place, name in enumerate(WRITTEN)}
    if corpus in {"newsroom-sentiment", "financial-phrasebank"}:
        labels = ("negative", "neutral", "positive")
        return {name: dict(zip(labels, own, strict=True)) for name, own in _table(SENTIMENT).items()}
    raise ConfigError(
        f"no label sentences for {corpus!r}", remedy="choose helpdesk, newsroom-sentiment or financial-phrasebank"
    )


def mixed_wordings(wordings: Mapping[str, Wording], count: int) -> list[Wording]:
    """`count` further wordings: every label takes its sentence from one of `wordings`, at random but always the same.

    Taught in: book/constraints/prompting
    """
    names: Sequence[str] = list(wordings)
    mixes = []
    for number in range(count):
        draw = random.Random(key(0, "mixed wordings", number))
        mixes.append({label: wordings[draw.choice(names)][label] for label in wordings[names[0]]})
    return mixes


def _table(text: str) -> dict[str, tuple[str, ...]]:
    rows = (line.split(": ", 1) for line in text.strip().splitlines())
    return {name: tuple(part.strip() for part in rest.split(" | ")) for name, rest in rows}
