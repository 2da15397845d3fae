"""The words that WhatsApp writes into exports itself, by language: a line of a table is a language (or goes on with it).

English, German, Spanish, French, Italian, Portuguese, Dutch, Turkish, Polish, Russian, Ukrainian, Arabic, Hebrew, Hindi, Indonesian,
Japanese, Korean, Chinese (simplified, traditional), Swedish, Czech; more are in whatsapp_more_words.py. All are compared in small letters,
without the final dot.
"""

import re

from memory.importers import whatsapp_more_words as more
from memory.importers.export import CALLS, DELETED, MEDIA, NOTICES

# Things / how they are left out. Both "image omitted" and "<Media omitted>"; any thing goes with any ending.
_LEFT_OUT = """
image|photo|picture|video|video note|audio|voice message|sticker|gif|document|contact card|media|file|view once message|view once voice message|view once photo|view once video / omitted|not included
bild|foto|video|videonachricht|videonotiz|audio|sprachnachricht|sticker|gif|dokument|kontaktkarte|medien|datei / weggelassen|ausgelassen|ausgeschlossen|nicht enthalten
imagen|foto|video|vídeo|audio|sticker|gif|documento|tarjeta de contacto|multimedia|archivo|nota de video|nota de vídeo|mensaje de video|mensaje de voz / omitido|omitida|omitidos
image|photo|vidéo|audio|sticker|gif|document|fiche contact|carte de contact|médias|média|fichier|note vidéo|message vidéo|message vocal / omis|omise|omises|absent|absente|absents|absentes|non inclus|non incluse
immagine|foto|video|audio|sticker|gif|documento|scheda contatto|media|file|file multimediale|videomessaggio|nota video|messaggio vocale / omesso|omessa|omessi|omesse|non incluso|non inclusa|escluso|esclusa
imagem|foto|vídeo|video|áudio|figurinha|sticker|gif|documento|cartão do contato|cartão de contacto|contacto|mídia|multimédia|ficheiro|ficheiro de áudio|arquivo|arquivo de mídia|mensagem de vídeo|mensagem de voz / omitido|omitida|oculto|oculta|ocultado|ocultada|não revelado|não revelada|não incluído
afbeelding|foto|video|videobericht|audio|spraakbericht|sticker|gif|document|visitekaartje|contactkaart|media|bestand / weggelaten|niet opgenomen
görüntü|fotoğraf|video|ses|çıkartma|gif|belge|kişi kartı|medya|konum|görüntülü not|sesli mesaj / dahil edilmedi|atlanmış|çıkarıldı
obraz|zdjęcie|wideo|film|audio|naklejka|dokument|gif|plik gif|plik|multimedia|pliki|media / pominięty|pominięte|pominięta|pominięto
изображение|фото|видео|видеозаметка|аудиофайл|аудио|стикер|gif|документ|карточка контакта|контакт|медиа|файл / отсутствует|отсутствуют|пропущен|пропущено|пропущены|опущена|не добавлен|не добавлено
зображення|фото|відео|відеоповідомлення|аудіо|наклейку|gif|gif-анімацію|документ|картка контакту|медіа / відсутнє|відсутній|відсутня|пропущено|не додано
התמונה|תמונה|סרטון|סרטון הווידאו|קטע קול|האודיו|סטיקר|המדבקה|gif|כרטיס איש קשר|כרטיס איש הקשר|מסמך|המסמך|מדיה|המדיה / הושמט|הושמטה|הוסרה|לא נכלל|לא נכללה
फ़ोटो|इमेज|वीडियो|ऑडियो|स्टिकर|gif|कॉन्टैक्ट कार्ड|डॉक्यूमेंट|मीडिया / हटाई गई|हटाई गयी|छोड़ा गया|शामिल नहीं है|शामिल नहीं किया गया|के बिना
gambar|foto|video|audio|stiker|gif|dokumen|kartu kontak|media|catatan video / tidak disertakan
画像|写真|ビデオ|動画|音声|音声メッセージ|スタンプ|gif|ドキュメント|文書|連絡先カード|メディア / +は含まれていません|+は省略されました|+を省略
이미지|사진|비디오|동영상|오디오|음성|스티커|gif|문서|연락처 카드|미디어|미디어 파일 / 생략됨|제외됨
图像|图片|照片|视频|音频|语音|贴图|gif|gif 动态图|联系人卡片|文档|文件|媒体|媒体文件 / +已忽略|+已省略|+已略去|+已被忽略| 已略去| 已省略|+省略
圖像|圖片|照片|影片|音訊|語音訊息|貼圖|gif|gif 圖片|聯絡人卡片|聯絡人名片|文件|媒體|多媒體檔案 / +已忽略|+已省略|+已略去|+已被省略| 已略去| 已省略|+省略
bild|foto|video|videomeddelande|ljud|sticker|gif|kontaktkort|dokument|media / utesluten|uteslutet|utelämnat|utelämnad|utelslutet|har utelämnats
obrázek|fotografie|video|zvukový soubor|nálepka|gif|vizitka|dokument|média|videozpráva / vynechán|vynechána|vynecháno|vynechány
"""

_MEDIA = """
live location shared | you received a view once message. for added privacy, you can only open it on your phone
live-standort wird geteilt | archivo no revelado | ubicación en tiempo real compartida | localisation en direct partagée | document manquant | fiche contact manquante | gif retiré
posizione attuale condivisa | localização atual compartilhada | está a partilhar a sua localização | live locatie gedeeld
mevcut konum paylaşıldı | udostępniona transmisja położenia | pominięto multimedia | pominięto naklejkę | pominięta wizytówka kontaktu
геоданные отправлены | без медиафайлов | геодані надіслано
لم يتم إدراج الصورة | لم يتم إدراج الفيديو | لم يتم إدراج الفيديوهات | لم يتم إدراج المقاطع الصوتية | تم حذف الملصقات | لم يتم إدراج صورة gif
لم يتم إدراج بطاقة جهة اتصال | لم يتم إدراج المستند | تم استبعاد الوسائط | تم استبعاد الملصق | تمت مشاركة الموقع المباشر
משתף מיקום בשידור חי | लाइव स्थान साझा किया गया | lokasi terkini dibagikan | ライブロケーション共有 | メディアなし
미디어 파일을 생략한 대화내용 | 공유한 실시간 위치 | 省略多媒体文件 | 共享实时位置 | 忽略多媒體檔 | 省略多媒體檔案 | 忽略多媒體檔案 | 實時位置已分享
liveposition delad | byla sdílena aktuální poloha
"""

_DELETED = """
this message was deleted | you deleted this message | you deleted this message as admin | this message was deleted by an admin
diese nachricht wurde gelöscht | du hast diese nachricht gelöscht | diese nachricht wurde von einem*einer admin gelöscht
se eliminó este mensaje | este mensaje fue eliminado | eliminaste este mensaje | mensaje eliminado | un admin. eliminó este mensaje
ce message a été supprimé | vous avez supprimé ce message | tu as supprimé ce message | ce message a été supprimé par un ou une admin
questo messaggio è stato eliminato | hai eliminato questo messaggio | questo messaggio è stato eliminato da un amministratore
mensagem apagada | esta mensagem foi apagada | essa mensagem foi apagada | esta mensagem foi apagada pelo remetente | você apagou esta mensagem
apagou esta mensagem | apagaste esta mensagem | mensagem eliminada | esta mensagem foi eliminada | mensagem apagada por um admin
dit bericht is verwijderd | dit bericht werd verwijderd | u hebt dit bericht verwijderd | je hebt dit bericht verwijderd | u heeft dit bericht verwijderd
bu mesaj silindi | bu mesajı sildiniz | bu mesaj bir yönetici tarafından silindi
ta wiadomość została usunięta | usunąłeś(-ęłaś) tę wiadomość | usunąłeś(aś) tę wiadomość | usunięto tę wiadomość
данное сообщение удалено | вы удалили данное сообщение | вы удалили это сообщение | сообщение удалено | данное сообщение удалено админом
це повідомлення було видалено | ви видалили це повідомлення
تم حذف هذه الرسالة | لقد حذفت هذه الرسالة | لقد حذَفت هذه الرسالة | أنت حذفت هذه الرسالة | حذف أحد المشرفين هذه الرسالة
הודעה זו נמחקה | מחקת את ההודעה הזו | מחקת הודעה זו | ההודעה נמחקה על ידי מנהל/ת
यह मैसेज डिलीट कर दिया गया है | आपने यह मैसेज डिलीट किया | यह मैसेज मिटाया गया | यह संदेश मिटाया गया | आपने यह संदेश मिटाया
pesan ini dihapus | pesan ini telah dihapus | anda menghapus pesan ini | anda telah menghapus pesan ini | pesan ini dihapus oleh admin
このメッセージは削除されました | このメッセージを削除しました
이 메시지는 삭제되었습니다 | 삭제한 메시지입니다 | 이 메시지를 삭제했습니다 | 삭제된 메시지입니다
这条消息已被删除 | 此消息已删除 | 您已删除这条消息 | 你已删除这条消息 | 消息已删除 | 信息已删除 | 您删除这个信息 | 管理员已删除这条消息
此訊息已刪除 | 您已刪除此訊息 | 你已刪除此訊息 | 這則訊息已刪除
det här meddelandet raderades | detta meddelande raderades | du raderade det här meddelandet | du raderade detta meddelande | du har tagit bort meddelandet
tato zpráva byla smazána | tato zpráva byla odstraněna | tuto zprávu jste smazal/a | tuto zprávu jste odstranil/a
"""

_DELETED_BY = """
this message was deleted by admin |diese nachricht wurde von admin |un admin., |questo messaggio è stato eliminato dall|ce message a été supprimé par l'admin
mensagem apagada por um admin (|esta mensagem foi apagada pelo/a administrador/a|данное сообщение удалено админом (|pesan ini dihapus oleh admin |bu mesaj admin
"""

_EDITED = """
this message was edited | diese nachricht wurde bearbeitet | se editó este mensaje | este mensaje fue editado | mensaje editado
ce message a été modifié | questo messaggio è stato modificato | mensagem editada | esta mensagem foi editada | dit bericht is bewerkt
dit bericht werd bewerkt | bu mesaj düzenlendi | ta wiadomość była edytowana | сообщение изменено | данное сообщение изменено
تم تعديل هذه الرسالة | هذه الرسالة معدلة | הודעה זו נערכה | ההודעה נערכה | pesan ini diedit
"""

_CALLS = """
missed voice call | missed video call | missed group voice call | missed group video call | silenced voice call | silenced video call
verpasster sprachanruf | verpasster videoanruf | verpasster gruppenanruf | llamada perdida | llamada de voz perdida | videollamada perdida
appel vocal manqué | appel vidéo manqué | chiamata vocale persa | videochiamata persa | chiamata video persa
chamada de voz perdida | chamada de vídeo perdida | videochamada perdida | ligação de voz perdida | ligação de vídeo perdida
chamada de voz não atendida | videochamada não atendida | gemiste spraakoproep | gemiste video-oproep | gemiste videooproep
gemist spraakgesprek | gemist videogesprek | cevapsız sesli arama | cevapsız görüntülü arama
nieodebrane połączenie | nieodebrane połączenie głosowe | nieodebrane połączenie wideo | nieodebrane poł. głosowe | nieodebrane poł. wideo
пропущенный аудиозвонок | пропущенный видеозвонок | пропущений аудіодзвінок | пропущений відеодзвінок
مكالمة صوتية فائتة | مكالمة فيديو فائتة | שיחה קולית שלא נענתה | שיחת וידאו שלא נענתה
वॉइस कॉल मिस हुई | वीडियो कॉल मिस हुई | मिस्ड वॉइस कॉल | मिस्ड वीडियो कॉल | छूटी हुई ध्वनि कॉल | छूटी हुई विडियो कॉल | panggilan suara tak terjawab | panggilan video tak terjawab
音声通話不在着信 | ビデオ通話不在着信 | 不在着信 | 부재중 전화 | 부재중 영상통화 | 부재중 음성통화
未接语音通话 | 未接视频通话 | 未接語音通話 | 未接視訊通話 | 未接視像通話 | missat röstsamtal | missat videosamtal | missat samtal
zmeškaný hovor | zmeškaný hlasový hovor | zmeškaný videohovor
"""

# A call that took place counts only with its length or outcome: "Voice call, 5 min", not "Voice call, tonight?".
_HELD = """
voice call|video call|sprachanruf|videoanruf|llamada de voz|llamada|videollamada|appel vocal|appel vidéo|chiamata vocale|videochiamata
chamada de voz|chamada de vídeo|videochamada|ligação de voz|ligação de vídeo|spraakoproep|video-oproep|sesli arama|görüntülü arama
аудиозвонок|видеозвонок|аудіодзвінок|відеодзвінок|połączenie głosowe|połączenie wideo|panggilan suara|panggilan video
"""
_AFTER_HELD = re.compile(
    r"[.,] ?(?:\d+ ?\w+|no answer|answered on other device|tap to call back|keine antwort|sin respuesta|pas de réponse|nessuna risposta|sem resposta|geen antwoord|"
    r"cevap yok|cevaplanmadı|нет ответа|немає відповіді|brak odpowiedzi|tidak ada jawaban)[^\n]{0,30}"
)
_AFTER_MISSED = re.compile(r"[.,] [^\n?!]{0,60}")

# How notices begin that carry a sender (on an iPhone the encryption notice is "said" by the chat); after ... what else is in them.
_NOTICES = """
messages and calls are end-to-end|messages and calls are now end-to-end|messages to this chat and calls are now secured|messages to this chat are now secured|messages to this group are now secured|messages to this group are secured|messages you send to this chat and calls are|messages you send to this group are now secured|your security code with ... changed|waiting for this message.|this chat is with a business account|this business uses a secure service|this business works with other companies
nachrichten und anrufe sind ende-zu-ende|nachrichten in diesem chat sowie anrufe sind|nachrichten an diese gruppe sind mit|nachrichten, die du in diesem chat sendest, sowie anrufe|deine sicherheitsnummer für ... geändert|ihre sicherheitsnummer für ... geändert|warte auf diese nachricht.|auf diese nachricht warten.
los mensajes y las llamadas están cifrados|los mensajes y llamadas en este chat ahora están|los mensajes en este grupo ahora están protegidos|los mensajes y llamadas están cifrados|cambió tu código de seguridad con |esperando este mensaje.|esperando el mensaje.
les messages et les appels sont chiffrés|les messages et appels sont chiffrés|les messages envoyés dans ce groupe sont protégés|votre code de sécurité avec ... changé|en attente de ce message.
i messaggi e le chiamate sono crittografati|i messaggi inviati a questo gruppo sono protetti|il tuo codice di sicurezza con ... cambiato|in attesa del messaggio.
as mensagens e as chamadas são protegidas|as mensagens e chamadas são encriptadas|as mensagens e as ligações são protegidas|as mensagens e ligações são protegidas|as mensagens para este grupo estão protegidas|seu código de segurança com ... mudou|o seu código de segurança partilhado com |aguardando mensagem.|a aguardar esta mensagem.
berichten en gesprekken worden end-to-end|berichten en gesprekken zijn end-to-end|berichten en oproepen zijn end-to-end|berichten en oproepen worden end-to-end|berichten en oproepen zijn eind-tot-eind|berichten die naar deze groep worden verzonden|je beveiligingscode voor ... gewijzigd|uw beveiligingscode voor ... gewijzigd|wachten op dit bericht.
mesajlar ve aramalar uçtan uca|bu gruba gönderdiğiniz mesajlar artık uçtan|bu sohbete gönderdiğiniz mesajlar ... uçtan uca|bu mesaj bekleniyor.
wiadomości i połączenia są w pełni|wiadomości do tej grupy są zabezpieczone|twój kod zabezpieczeń z ... zmienił|oczekiwanie na wiadomość.
сообщения и звонки защищены|сообщения в данной группе защищены|ваш код безопасности с контактом |ожидание сообщения.
повідомлення й дзвінки захищено|повідомлення та дзвінки захищено|код безпеки з контактом |очікування повідомлення.
الرسائل والمكالمات مشفرة|إن الرسائل التي ترسلها ... التشفير|تغيّر رمز أمانك |في انتظار هذه الرسالة.
ההודעות והשיחות מוצפנות|ההודעות הנשלחות בקבוצה זו מאובטחות|קוד האבטחה עם ... שונה|קוד האבטחה עם ... השתנה|ממתין להודעה.
मैसेजेस और कॉल्स एंड-टू-एंड|मैसेज और कॉल एंड-टू-एंड|इस समूह पर भेजे हुए
pesan dan panggilan terenkripsi|pesan dan panggilan dienkripsi|pesan-pesan yang dikirim ke grup ini diamankan|kode keamanan anda dengan ... berubah|menunggu pesan ini.
メッセージと通話はエンドツーエンド|このグループへのメッセージは、エンド|このメッセージを待っています。
메시지 및 전화는 종단간|메시지와 통화는 종단간|이 그룹의 메시지는 종단간
消息和通话都进行端到端|消息和通话已进行端到端|您发送的信息和通话都会|正在等待此消息。
訊息和通話經端對端|訊息和通話已受端對端|訊息已受端對端加密|您傳送的訊息和通話都會|正在等待此訊息。
meddelanden och samtal är komplett|meddelanden och samtal är end-to-end|meddelanden till denna grupp är säkrade|väntar på det här meddelandet.
zprávy a hovory jsou opatřeny|zprávy a hovory jsou zabezpečeny|zprávy pro tuto skupinu jsou zabezpečeny|bezpečnostní kód mezi vámi a uživatelem|čekání na tuto zprávu.
"""

_ATTACHED = """
file attached|datei angehängt|archivo adjunto|archivo adjuntado|fichier joint|file allegato|arquivo anexado|ficheiro anexado|bestand bijgevoegd|dosya ekli|dosya eklendi
załączony plik|plik załączony|dołączony plik|файл добавлен|файл прикреплен|файл прикреплён|файл додано|файл прикріплено|الملف مرفق|ملف مرفق|קובץ מצורף|फाइल संलग्न|फ़ाइल संलग्न
फाइल अटैच कर दी गई है|फ़ाइल अटैच की गई है|file terlampir|添付ファイル有り|添付ファイル|파일 첨부됨|文件附件|附件檔案|附件|bifogad fil|soubor byl přiložen|soubor přiložen
"""
_ATTACHED_MARKS = """
attached|anhang|angehängt|adjunto|pièce jointe|allegato|anexado|anexo|bijgevoegd|bijlage|eklendi|ek|załączono|załącznik|прикреплено|вложение|додано|المُرفق|مرفق|المرفق
מצורף|अटैच किया गया|terlampir|添付ファイル|添付|첨부됨|첨부|附件|bifogat|bifogad|příloha
"""
_PLACES = """
location|standort|ubicación|localisation|position|posizione|localização|locatie|konum|lokasyon|położenie|lokalizacja|местоположение|місцезнаходження|розташування
الموقع|מיקום|स्थान|लोकेशन|lokasi|位置情報|位置|위치|plats|poloha
"""

# Who did something to the group, where a colon in its name makes it look like a sender: `Ana changed the subject from "a: b" to "c"`.
NOTICE_WORDS = re.compile(
    r"\s(?:changed|created|added|removed|left|joined|turned (?:on|off)|pinned|updated|deleted this|is now an? admin|was added|were added|"
    r"hat .*|haben .*|wurde .*|cambi(?:ó|aste)|cre(?:ó|aste)|añadi(?:ó|ste)|agreg(?:ó|aste)|elimin(?:ó|aste)|salió|se unió|"
    r"a (?:modifié|changé|créé|ajouté|supprimé|quitté|rejoint)|avez (?:modifié|changé|créé|ajouté)|"
    r"ha (?:cambiato|modificato|creato|aggiunto|rimosso|abbandonato|cambiado|creado|añadido)|hai (?:cambiato|modificato|creato|aggiunto)|"
    r"(?:alter|mud|cri|adicion|remov)ou|saiu|entrou|heeft .*|hebt .*|"
    r"grubu?n?u? .*(?:oluşturdu|değiştirdi)|ekledi|ayrıldı|çıkardı|değiştirdi|"
    r"(?:utworzył|dodał|zmienił|usunął|opuścił|dołączył)(?:a|o|\(a\))?|"
    r"(?:созда|добави|измени|удали|покину|присоедини|закрепи)л(?:а|и|\(-?а\))?(?:ся|ась|\(-?ась\))?|выш(?:ел|ла)\S*|"
    r"(?:створи|дода|зміни|видали|приєдна)(?:в|ла|ли|в\(-?ла\))(?:ся)?|вийш(?:ов|ла)\S*|"
    r"أنشأ|أضاف|غيّر|غيَّر|غادر|أزال|انضم|יצר(?:/?ה)?|הוסיפ?(?:/?ה)?|שינה(?:/תה)?|שינתה|עזב(?:/?ה)?|הסיר(?:/?ה)?|הצטרפ?(?:/?ה)?|ने .*|"
    r"membuat|menambahkan|mengubah|mengeluarkan|keluar|bergabung|skapade|lade till|ändrade|lämnade|tog bort|gick med|"
    r"(?:vytvořil|přidal|změnil|odebral|opustil|připojil)(?:a|/a|\(a\))?|" + more.VERBS + r")(?:\s|$)"
    r"|しました|されました|했습니다|되었습니다|나갔습니다|님이 |创建了|建立了|添加了|新增了|更改了|变更了|變更了|更改为|變更為|移除了|退出了|離開了|离开了|加入了"
    r"|end-to-end|Ende-zu-Ende|extremo a extremo|bout en bout|ponta a ponta|ponto a ponto|uçtan uca|pełni zaszyfrowan|сквозным|наскрізним"
    r"|(?:Your|Ihre|Deine) (?:security code|Sicherheits)|" + more.NAME_FIRST,
    re.IGNORECASE,
)


def _words(table: str, between: str) -> set[str]:
    return {word.strip(" \n").casefold() for line in table.strip().splitlines() for word in line.split(between) if word.strip()}


def _left_out() -> set[str]:
    found = set()
    for line in _LEFT_OUT.strip().splitlines():
        things, endings = line.split(" / ")
        for ending in endings.split("|"):
            found |= {f"{thing}{ending[1:] if ending.startswith('+') else ' ' + ending.strip()}".casefold() for thing in things.split("|")}
    return found


def _notices() -> list[tuple[str, str]]:
    """How notices begin, and what else is in them."""
    return [(begin, end) for begin, _, end in (words.partition("... ") for words in _words(_NOTICES + more.NOTICES, "|"))]


MEDIA_WORDS = _left_out() | _words(_MEDIA + more.MEDIA, " | ")
_CALL_WORDS = _words(_CALLS + more.CALLS, " | ")
LAST_WORDS = {words.rpartition(" ")[2] for words in MEDIA_WORDS}
WHOLE: dict[str, str] = {
    **dict.fromkeys(MEDIA_WORDS, MEDIA), **dict.fromkeys(_words(_DELETED + more.DELETED, " | "), DELETED), **dict.fromkeys(_CALL_WORDS, CALLS)
}  # fmt: skip
EDITED_WORDS = _words(_EDITED, " | ")
ATTACHED_WORDS, TAG_WORDS = _words(_ATTACHED + more.ATTACHED, "|"), _words(_ATTACHED_MARKS + more.ATTACHED_MARKS, "|")
PLACE_WORDS = _words(_PLACES + more.PLACES, "|")
# By their first letters, for most texts begin like none of them: the beginning, its reason, what may follow.
BEGINNINGS: dict[str, list[tuple[str, str, re.Pattern[str] | None]]] = {}
for _begin, _reason, _rest in [
    *((begin, NOTICES, re.compile(f".*{end}.*", re.DOTALL) if end else None) for begin, end in _notices()),
    *((word, CALLS, _AFTER_MISSED) for word in _CALL_WORDS),
    *((word, CALLS, _AFTER_HELD) for word in _words(_HELD, "|")),
    *((begin, DELETED, None) for begin in _words(_DELETED_BY, "|")),
    ("you received a view once ", MEDIA, None), ("you sent a view once ", MEDIA, None),
]:  # fmt: skip
    BEGINNINGS.setdefault(_begin[:3], []).append((_begin, _reason, _rest))
