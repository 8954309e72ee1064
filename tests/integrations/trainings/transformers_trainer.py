"""Hugging Face `Trainer`: its callback, with a model that is made here."""
# mypy: ignore-errors

import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

model = BertForSequenceClassification(
    BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
)
data = [{"input_ids": torch.randint(0, 50, (6,)), "labels": torch.tensor(index % 2)} for index in range(32)]
arguments = TrainingArguments(
    output_dir="out",
    report_to=["wandb"],
    run_name="transformers",
    num_train_epochs=1,
    logging_steps=1,
    per_device_train_batch_size=8,
    use_cpu=True,
    save_strategy="no",
    disable_tqdm=True,
)
Trainer(model=model, args=arguments, train_dataset=data).train()
