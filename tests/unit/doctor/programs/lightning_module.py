"""A classifier of texts as a Lightning module."""

import lightning as L
import torch
from torch.nn import functional
from torchmetrics import Accuracy
from transformers import AutoModel, AutoTokenizer, get_cosine_schedule_with_warmup

LABELS = ("negative", "neutral", "positive")


class Classifier(L.LightningModule):
    def __init__(self, name="bert-base-uncased", learning_rate=2e-5):
        super().__init__()
        self.save_hyperparameters()
        self.body = AutoModel.from_pretrained(name)
        self.head = torch.nn.Linear(self.body.config.hidden_size, len(LABELS))
        self.accuracy = Accuracy(task="multiclass", num_classes=len(LABELS))

    def forward(self, batch):
        hidden = self.body(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
        return self.head(hidden[:, 0])

    def training_step(self, batch, batch_idx):
        loss = functional.cross_entropy(self(batch), batch["labels"])
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        logits = self(batch)
        self.log("val_loss", functional.cross_entropy(logits, batch["labels"]))
        self.log("val_accuracy", self.accuracy(logits.argmax(dim=1), batch["labels"]))

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.hparams.learning_rate)
        steps = self.trainer.estimated_stepping_batches
        schedule = get_cosine_schedule_with_warmup(optimizer, steps // 10, steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class Texts(torch.utils.data.Dataset):
    def __init__(self, rows, tokenizer):
        self.rows, self.tokenizer = rows, tokenizer

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        text, label = self.rows[index]
        encoded = self.tokenizer(text, return_tensors="pt", truncation=True, padding="longest", max_length=64)
        row = {name: tensor.squeeze(0) for name, tensor in encoded.items()}
        row["labels"] = torch.tensor(LABELS.index(label))
        return row


def main(train_rows, dev_rows, test_rows):
    L.seed_everything(1)
    tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
    loaders = [torch.utils.data.DataLoader(Texts(rows, tokenizer), batch_size=1) for rows in (train_rows, dev_rows)]
    best = L.pytorch.callbacks.ModelCheckpoint(monitor="val_accuracy", mode="max")
    trainer = L.Trainer(max_epochs=3, callbacks=[best], gradient_clip_val=1.0)
    trainer.fit(Classifier(), *loaders)
    trainer.test(ckpt_path="best", dataloaders=torch.utils.data.DataLoader(Texts(test_rows, tokenizer)))
